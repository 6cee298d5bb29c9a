"use strict";

const byId = (id) => document.getElementById(id);
const threshold = byId("threshold"), view = byId("view"), picture = byId("picture");
let file = null;      // what was given: a File or Blob
let original = "";    // its address in this page
let own = true;       // whether the model's own threshold serves
let busy = false, again = false;

function say(text) { byId("status").textContent = text; }

function complain(text) {
  byId("problem").textContent = text;
  byId("problem").hidden = !text;
  if (text) say("");
}

function give(given) {
  if (!given) return;
  if (given.size > Number(document.body.dataset.bytes)) {
    complain(`The file has ${(given.size / 1e6).toFixed(1)} MB, which is too large: choose a smaller one.`);
    return;
  }
  file = given;
  URL.revokeObjectURL(original);
  original = URL.createObjectURL(given);
  complain("");
  ask();
}

function settings() {
  const asked = new URLSearchParams({ objects: String(byId("objects").checked) });
  if (view.value) asked.set("view", view.value);
  if (!own) asked.set("threshold", threshold.value);
  return asked;
}

async function post(asked) {
  for (let tries = 0; ; tries++) {
    let answer;
    try {
      answer = await fetch("predict?" + asked, { method: "POST", body: file, headers: { Accept: "*/*" } });
    } catch {
      throw new Error("The server cannot be reached: is it still running?");
    }
    if (answer.ok) return answer;
    const wait = Number(answer.headers.get("Retry-After"));
    if (wait && tries < 3) {
      say("The server is busy, one moment …");
      await new Promise((done) => setTimeout(done, 1000 * wait));
      continue;
    }
    const told = await answer.json().catch(() => ({ error: `the server answers ${answer.status}` }));
    throw new Error(told.error.charAt(0).toUpperCase() + told.error.slice(1) + ".");
  }
}

// One request at a time: what changes meanwhile is asked for once it is answered.
async function ask() {
  if (!file) return;
  if (busy) { again = true; return; }
  busy = true;
  document.body.classList.add("busy");
  do {
    again = false;
    const asked = settings(), given = file;
    asked.set("output", "json");
    asked.set("embed", "true");
    say("Looking …");
    try {
      const found = await (await post(asked)).json();
      if (given !== file) { again = true; continue; }
      complain("");
      show(found);
    } catch (error) {
      byId("result").hidden = true;
      complain(error.message);
    }
  } while (again);
  busy = false;
  document.body.classList.remove("busy");
}

function show(found) {
  picture.src = view.value ? found.overlay : original;
  const count = found.objects.length;
  const what = `${count} object${count === 1 ? "" : "s"}`;
  picture.alt = `The picture with ${what}`;
  const classes = (found.classes || []).map((one) => `${one.class} ${(100 * one.share).toFixed(1)} %`);
  byId("caption").textContent =
    [`${found.width} × ${found.height}`, what, ...classes.slice(0, 12), ...found.repaired].join(" · ");
  byId("save").href = picture.src;
  byId("save").download = nameOf(view.value || "picture", picture.src.startsWith("data:image/png") ? ".png" : ".jpg");
  const first = byId("result").hidden;
  byId("result").hidden = false;
  if (first) byId("result").scrollIntoView({ block: "nearest" });
  list(found);
  say(`Found ${what}.`);
}

function list(found) {
  const rows = found.objects.map((one) => ({
    ...(one.class === undefined ? {} : { class: one.class }),
    score: one.score.toFixed(3),
    ...(one.share === undefined ? {} : { share: `${(100 * one.share).toFixed(1)} %` }),
    "left, top, right, bottom": one.box.map((side) => Math.round(side)).join(", "),
  }));
  const table = byId("found");
  table.hidden = !rows.length;
  if (!rows.length) return;
  const line = (kind, texts) => {
    const row = document.createElement("tr");
    for (const text of texts) row.appendChild(document.createElement(kind)).textContent = text;
    return row;
  };
  table.tHead.replaceChildren(line("th", Object.keys(rows[0])));
  table.tBodies[0].replaceChildren(...rows.slice(0, 200).map((row) => line("td", Object.values(row))));
}

function nameOf(kind, suffix) {
  const name = (file && file.name ? file.name : "picture").replace(/\.[^.]*$/, "");
  return `${name}-${kind}${suffix}`;
}

function showThreshold() {
  const classes = own && document.body.dataset.byClass === "true";
  byId("shown").textContent = classes ? "by class" : threshold.value;
  byId("reset").disabled = own;
}

byId("choose").onclick = () => byId("file").click();
for (const id of ["file", "capture"]) {
  byId(id).onchange = (event) => { give(event.target.files[0]); event.target.value = ""; };
}
threshold.oninput = () => { own = false; showThreshold(); ask(); };
byId("reset").onclick = () => { own = true; threshold.value = threshold.dataset.model; showThreshold(); ask(); };
view.onchange = ask;
byId("objects").onchange = ask;
byId("settings").onsubmit = (event) => event.preventDefault();

byId("mask").onclick = async () => {
  const asked = settings();
  for (const name of ["view", "objects"]) asked.delete(name);
  asked.set("output", "mask");
  try {
    const address = URL.createObjectURL(await (await post(asked)).blob());
    const link = document.createElement("a");
    link.href = address;
    link.download = nameOf("mask", ".png");
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
    say("The mask is saved.");
  } catch (error) {
    complain(error.message);
  }
};

document.addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("over"); });
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  if (event.dataTransfer.files.length) give(event.dataTransfer.files[0]);
  else complain("What was dropped is no file: save the picture first, or copy and paste it.");
});
document.addEventListener("paste", (event) => {
  const pasted = [...event.clipboardData.files].find((one) => one.type.startsWith("image/"));
  if (pasted) give(pasted);
});

// A camera in the page where the browser allows one (at localhost and under HTTPS), else the phone's own.
const live = byId("live"), video = byId("video");
byId("camera").onclick = async () => {
  if (!navigator.mediaDevices) { byId("capture").click(); return; }
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    complain("");
    live.showModal();
  } catch (error) {
    complain(error.name === "NotAllowedError"
      ? "The browser does not allow the camera: allow it beside the address, or choose a file."
      : "No camera was found: choose a file.");
  }
};
live.onclose = () => { for (const track of video.srcObject.getTracks()) track.stop(); video.srcObject = null; };
byId("cancel").onclick = () => live.close();
byId("take").onclick = () => {
  if (!video.videoWidth) return;
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  canvas.toBlob((blob) => { live.close(); give(blob); }, "image/jpeg", 0.92);
};

byId("curl").textContent = byId("curl").textContent.replaceAll("ADDRESS", location.href.replace(/[?#].*/, ""));
showThreshold();
