"""Lines to break, and the tests that must notice it. A new one is a line at the end of its file's part.

The old text must stand in its file exactly once, so that the list cannot rot unseen (`test_mutants.py`).
"""

from typing import NamedTuple


class Mutant(NamedTuple):
    """A break: `old` becomes `new` in `file`, and one of `tests` (files or node ids of pytest) must fail."""

    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def of(file: str, tests: str, *changes: tuple[str, str]) -> list[Mutant]:
    """Breaks (old, new) of a file that the same tests, parted by spaces, are to notice."""
    return [Mutant(file, *change, tuple(tests.split())) for change in changes]


MUTANTS: list[Mutant] = [
    *of(
        "losses/base.py",
        "tests/losses/test_contract_detection.py::test_the_class_is_the_sum_of_the_parts "
        "tests/losses/test_contract_detection.py::test_the_class_computes_in_float32_whatever_keras_is_set_to",
        ('if self.needs == "localization_error" else', "if self.needs else"),
        ('floatx if floatx in self.dtypes else "float32"', "floatx"),
    ),
    *of(
        "losses/checks.py",
        "tests/losses/test_boxes.py tests/losses/test_lovasz.py",
        ("_is_number(value) and value < 1", "_is_number(value) and value <= 1"),
        ("(lambda value: _is_whole(value) and value > 0,", "(_is_whole,"),
        ("max(classes) < count", "max(classes) <= count"),
    ),
    *of(
        "losses/boxes.py",
        "tests/losses/test_boxes.py",
        ("tf.math.divide_no_nan(hull - union, hull)", "tf.math.divide_no_nan(hull - union, union)"),
        ("0.5 * within / beta", "0.5 * within * beta"),
    ),
    *of(
        "losses/combined.py",
        "tests/losses/test_combined.py",
        ("float(done >= 0)", "float(done > 0)"),
        ("- self.begin", ""),
    ),
    *of(
        "losses/deep_supervision.py",
        "tests/losses/test_deep_supervision.py",
        ("weight / sum(weights) * value", "weight * value"),
    ),
    *of(
        "losses/label_maps.py",
        "tests/losses/test_contract_segmentation.py::test_the_gradient_follows_the_upstream_gradient "
        "tests/losses/test_contract_segmentation.py::test_value_and_gradient_against_the_reference",
        ("flow * (1 - given)", "flow"),
        ("flow = upstream * given", "flow = given"),
    ),
    *of(
        "losses/pixelwise/cross_entropy.py",
        "tests/losses/test_contract_saliency.py::test_the_gradient_follows_the_upstream_gradient "
        "tests/losses/test_contract_saliency.py::test_extreme_logits",
        ("per_image(upstream * share)", "per_image(share)"),
        ("tf.where(logits < 0, tail, 1)", "tf.where(logits > 0, tail, 1)"),
    ),
    *of(
        "losses/pixelwise/ohem.py",
        "tests/losses/test_contract_detection.py::test_eager_and_graph_agree_with_the_reference_on_every_kind_of_batch "
        "tests/losses/test_ranking.py::test_hard_negatives_at_plus_and_minus_zero_are_equally_hard",
        ("above, level = keys > threshold", "above, level = keys >= threshold"),
        ("tf.where(scores == 0, 0, tf.bitcast(scores, tf.int32))", "tf.bitcast(scores, tf.int32)"),
    ),
    *of(
        "losses/ranking/alrp.py",
        "tests/losses/test_contract_detection.py",
        ("tf.minimum(error, 1)", "tf.minimum(error, 2)"),
        ("tf.where(error <= 1, counted, 0)", "counted"),
    ),
    *of(
        "losses/ranking/error_driven.py",
        "tests/losses/test_contract_detection.py::test_the_gradient_follows_the_upstream_gradient",
        ("[above * slope for above, slope", "[slope for above, slope"),
    ),
    *of(
        "losses/ranking/rank_sort.py",
        "tests/losses/test_contract_detection.py::test_eager_and_graph_agree_with_the_reference_on_every_kind_of_batch",
        ("ranking.rank - 0.5", "ranking.rank"),
        ("start + tf.range(chunk) < slots", "start + tf.range(chunk) <= slots"),
    ),
    *of(
        "losses/ranking/positives.py",
        "tests/losses/test_step_sums.py",
        ("tf.reduce_sum(counts) + tf.reduce_sum(ones[whole:])", "tf.reduce_sum(counts)"),
    ),
    *of(
        "losses/ranking/step_sums/double_float.py",
        "tests/losses/test_step_sums.py",
        ("error + (self.high * other.low + self.low * other.high)", "error + self.high * other.low"),
    ),
    *of(
        "losses/ranking/step_sums/edge_lookup.py",
        "tests/losses/test_step_sums.py",
        ("numbers >= self._first", "numbers > self._first"),
    ),
    *of(
        "losses/region/jaccard_extension.py",
        "tests/losses/test_lovasz.py "
        "tests/losses/test_contract_segmentation.py::test_value_and_gradient_against_the_reference",
        ("union * (union + dn)", "union * union"),
        ("remaining - dp / 2", "remaining"),
        ("tf.where(union > 0, slope, 1)", "slope"),
    ),
    *of(
        "losses/region/overlap.py",
        "tests/losses/test_contract_saliency.py::test_the_gradient_follows_the_upstream_gradient "
        "tests/losses/test_contract_saliency.py::test_an_image_of_which_nothing_counts",
        ("upstream = upstream * anything", "upstream = anything"),
        ("return value * anything, gradient", "return value, gradient"),
    ),
    *of(
        "losses/region/soft_iou.py",
        "tests/losses/test_contract_saliency.py::test_value_and_gradient_against_the_reference",
        ("tf.math.divide_no_nan(1 + iou, union)", "tf.math.divide_no_nan(1 - iou, union)"),
    ),
    *of(
        "trainers/models/detector/assignment.py",
        "tests/trainers/models/test_assignment.py",
        ("POSITIVE_IOU = 0.5", "POSITIVE_IOU = 0.6"),
        ("overlap >= mean + tf.sqrt(variance)", "overlap >= mean"),
        ("tf.where(ignored, IGNORED, BACKGROUND)", "tf.where(ignored, BACKGROUND, BACKGROUND)"),
        ("waiting &= overlap > 0", "waiting &= overlap > 0.5"),
        ("_forced(anchors, boxes, waiting, owner)", "owner"),
        ("boxes, waiting, taken < 0)[1])", "boxes, waiting)[1])"),
    ),
    *of(
        "trainers/models/detector/detect.py",
        "tests/trainers/models/test_detect.py",
        ("math.log(1000 / 16)", "math.log(1000 / 4)"),
        ("if class_count > 1 else boxes", "if class_count > 9 else boxes"),
        ("tf.where(seen, best, _NO_SCORE)", "best"),
        ("tf.where(counted, tf.gather(label, kept), -1)", "tf.gather(label, kept)"),
    ),
    *of(
        "trainers/models/detector/base.py",
        "tests/trainers/models/test_retinanet.py::test_the_weight_scales_what_the_boxes_get_and_nothing_else",
        ("parts[0] + self.box_weight * parts[1]", "parts[0] + parts[1]"),
    ),
    *of(
        "trainers/models/detector/base.py",
        "tests/trainers/models/test_retinanet.py::test_trains_under_xla_as_without",
        ("compiled, self.jit_compile = self.jit_compile, False", "compiled = self.jit_compile"),
    ),
    *of(
        "trainers/models/detector/loss.py",
        "tests/trainers/models/test_retinanet.py::test_no_loss_reaches_the_boxes_by_their_quality",
        ("tf.stop_gradient(aligned_iou(decoded, targets.boxes))", "aligned_iou(decoded, targets.boxes)"),
    ),
    *of(
        "trainers/models/detector/pyramid.py",
        "tests/trainers/models/test_retinanet.py::test_a_fresh_network_finds_next_to_nothing",
        ("-math.log((1 - prior) / prior) if prior else 0.0", "0.0"),
    ),
    *of(
        "trainers/models/detector/pyramid.py",
        "tests/trainers/models/test_retinanet.py::test_nothing_is_left_without_a_gradient",
        ("self.norms[level :: len(self.sides)]", "self.norms[:: len(self.sides)]"),
    ),
    *of(
        "trainers/models/detector/pyramid.py",
        "tests/trainers/models/test_precision.py",
        ('name="last", dtype="float32"', 'name="last"'),
    ),
    *of(
        "trainers/models/detector/anchors.py",
        "tests/trainers/models/test_assignment.py::test_anchors_are_those_of_nested_loops",
        ("[-0.5, -0.5, 0.5, 0.5]", "[-0.5, -0.5, 0.4, 0.5]"),
    ),
    *of(
        "trainers/models/deeplab.py",
        "tests/trainers/models/test_precision.py",
        ('layers.Conv2D(classes, 1, dtype="float32"', "layers.Conv2D(classes, 1"),
    ),
    *of(
        "trainers/models/preparation.py",
        "tests/trainers/models/test_models.py::test_trains_under_xla_in_mixed_precision",
        ('layer.dtype_policy = "float32"', "pass"),
    ),
    *of(
        "trainers/models/preparation.py",
        "tests/trainers/models/test_models.py::test_every_trainable_weight_has_a_gradient",
        ("layer.trainable = False", "pass"),
    ),
    *of(
        "trainers/models/backbones/weights.py",
        "tests/trainers/models/test_models.py::test_kernels_of_pytorch_do_in_keras_what_they_did",
        ("taken[0].transpose(2, 3, 0, 1)", "taken[0].transpose(3, 2, 0, 1)"),
        ("taken[0].transpose(2, 3, 1, 0)", "taken[0].transpose(3, 2, 1, 0)"),
        ("    if values:\n", "    if False:\n"),
    ),
    *of(
        "trainers/models/backbones/weights.py",
        "tests/trainers/models/test_models.py::test_a_file_that_leaves_a_part_at_its_random_start_is_refused",
        ('warnings.filterwarnings("error"', 'warnings.filterwarnings("ignore"'),
    ),
    *of(
        "trainers/models/backbones/builders.py",
        "tests/trainers/models/test_models.py::test_pyramid_pooling_reads_the_last_stage_not_the_classifier_top",
        ('self.pyramid_level_inputs["P5"] = last_stage', "pass"),
    ),
    *of(
        "trainers/models/dss.py",
        "tests/trainers/models/test_deep_supervision.py::test_dss_starts_as_the_mean_of_its_sides",
        ("keras.initializers.Constant(1 / len(scores))", "keras.initializers.Constant(1.0)"),
    ),
    *of(
        "trainers/models/dss.py",
        "tests/trainers/models/test_precision.py",
        ('kernel_initializer=mean, dtype="float32"', "kernel_initializer=mean"),
    ),
    *of(
        "trainers/models/basnet.py",
        "tests/trainers/models/test_deep_supervision.py::test_basnet_gives_logits_of_the_refined_map_and_seven_sides",
        ("layer.activation = keras.activations.linear", "pass"),
    ),
    *of(
        "trainers/models/enet.py",
        "tests/trainers/models/test_enet.py::test_it_has_the_size_of_the_paper",
        ("pooled.pop()", "pooled[-1]"),
    ),
    *of(
        "trainers/models/enet.py",
        "tests/trainers/models/test_precision.py",
        ('len(class_names), 1, dtype="float32"', "len(class_names), 1"),
    ),
    *of(
        "trainers/models/layers/unpooling.py",
        "tests/trainers/models/test_enet.py::test_unpooling_puts_values_where_the_maxima_were",
        ("elsewhere if free is None else tf.logical_and(free, elsewhere)", "elsewhere"),
    ),
    *of(
        "trainers/models/layers/fused_normalization.py",
        "tests/trainers/models/test_fused_normalization.py",
        ("variance * (count - 1) / count", "variance"),
        ("training and layer.trainable and mask", "training and mask"),
    ),
    *of(
        "trainers/models/transfer.py",
        "tests/trainers/models/test_transfer.py",
        ("-1, len(old)", "len(old), -1"),
        ("if name in old:", "if index < len(old):"),
        ("if id(variable) in of_classes:", "if False:"),
    ),
    *of(
        "trainers/models/scaled_logits.py",
        "tests/trainers/models/test_scaled_logits.py",
        ("scale * (bias - math.log", "(bias - math.log"),
        ("threshold / (1 - threshold)", "threshold"),
    ),
    *of(
        "trainers/models/registry.py",
        "tests/trainers/models/test_registry.py::test_settings_of_another_network_are_refused",
        ("model not in having and changed", "model not in having and False"),
    ),
    *of(
        "trainers/models/input_size.py",
        "tests/trainers/judge/test_views.py::test_a_model_of_another_size_is_the_same_network",
        ("if key not in _BUILT", "if key"),
        ("copy.set_weights(model.get_weights())", "pass"),
    ),
    *of(
        "trainers/models/precision.py",
        "tests/trainers/models/test_retinanet.py::test_mixed_precision",
        ("copy.set_weights(model.get_weights())", "pass"),
    ),
    *of(
        "trainers/models/backbones/levels.py",
        "tests/trainers/models/test_precision.py::test_what_is_made_again_keeps_its_precision",
        ('with dtype_policy(keras.dtype_policies.get(config["dtype"])):', 'with dtype_policy("float32"):'),
    ),
    *of(
        "trainers/models/detector/retinanet.py",
        "tests/trainers/models/test_precision.py::test_what_is_made_again_keeps_its_precision",
        ("with dtype_policy(policy):", 'with dtype_policy("float32"):'),
    ),
    *of(
        "trainers/models/detector/retinanet.py",
        "tests/trainers/models/test_retinanet.py::test_bare_model_has_the_weights_and_nothing_of_the_training",
        ("copy.set_weights(self.get_weights())", "pass"),
    ),
    *of(
        "trainers/models/layers/logits.py",
        "tests/trainers/models/test_deep_supervision.py::test_the_first_map_is_the_one_that_is_given",
        ("keras.ops.squeeze(inputs[0], axis=-1)", "keras.ops.squeeze(inputs[-1], axis=-1)"),
    ),
    *of(
        "trainers/models/read_back.py",
        "tests/trainers/models/test_read_back.py",
        ("np.maximum(square - mean**2, 0)", "np.maximum(square, 0)"),
        ("call.offset + call.factor * mean", "call.offset"),
    ),
    *of(
        "trainers/models/read_back.py",
        "tests/app/test_shipped.py::test_a_training_starts_from_what_the_file_finds "
        "tests/app/test_verbs.py::test_a_training_starts_from_an_exported_file_as_from_its_run",
        ("values.transpose(1, 2, 3, 0)", "values.transpose(2, 1, 3, 0)"),
        ("found[0].offset - three", "found[0].offset"),
        ("call.factor, call.offset = _factor(kernel, found[0]), kernel.offset", "call.offset = kernel.offset"),
        ("shape[tensor.quantization.quantizedDimension]", "shape[0]"),
    ),
    *of(
        "trainers/geometry.py",
        "tests/trainers/data/test_fit.py tests/trainers/models/test_enet.py",
        ("np.where(crowd[None], area, union)", "np.where(crowd[None], union, area)"),
        (".clip(0).prod(axis=-1)\n    area", ".prod(axis=-1)\n    area"),
        ("round(size / multiple)", "(size // multiple + 1)"),
    ),
    *of(
        "trainers/figures/thresholds.py",
        "tests/trainers/figures",
        ("THRESHOLDS, result.precision,", "THRESHOLDS, result.recall,"),
        ("_figure(result.band, xlim", "_figure((0, 1), xlim"),
        ("if best > NEAR_ZERO:", "if best > 0:"),
        ("return best / 100, min(1.0, 3 * highest)", "return best, min(1.0, 3 * highest)"),
        ("result.lrp_threshold, result.lrp)", "result.lrp_threshold, result.f1)"),
    ),
    *of(
        "trainers/figures/history.py",
        "tests/trainers/figures",
        ("epochs[there], values[there]", "epochs, values"),
        ("for row in rows for key in row) if key not in", "for row in rows for key in row) if 1 or key not in"),
        ("handles[: 1 + has_validation]", "handles"),
    ),
    *of(
        "trainers/figures/precision_recall.py",
        "tests/trainers/figures",
        ("order[:3] + order[-3:]", "order[:6]"),
        ("result.curve(0.5, index)", "result.curve(0.75, index)"),
    ),
    *of(
        "trainers/figures/classes.py",
        "tests/trainers/figures",
        ("confusion.sum(axis=1, keepdims=True)", "confusion.sum(axis=0, keepdims=True)"),
        ("np.argwhere(shares >= 0.005)", "np.argwhere(shares >= 0)"),
    ),
    *of(
        "trainers/figures/rendering.py",
        "tests/trainers/figures",
        ("canvas.buffer_rgba())[..., :3]", "canvas.buffer_rgba())[..., 2::-1]"),
    ),
    *of(
        "trainers/figures/style.py",
        "tests/trainers/figures",
        ("name[1 - length :]", "name[:length]"),
    ),
    *of(
        "trainers/files.py",
        "tests/trainers/test_files.py",
        ("os.replace(beside, path)", "path.write_bytes(beside.read_bytes())"),
        ("beside.unlink(missing_ok=True)", "pass"),
        ("path.parent.mkdir(parents=True, exist_ok=True)", "pass"),
        (
            'path.with_name(f".{os.getpid()}.{path.name}")\n    try:\n        path.parent',
            'path.with_name(f"{path.name}.{os.getpid()}")\n    try:\n        path.parent',
        ),
    ),
    *of("trainers/text.py", "tests/trainers/test_files.py", ("ensure_ascii=False", "ensure_ascii=True")),
    *of(
        "trainers/machine.py",
        "tests/trainers/test_machine.py",
        ("len(os.sched_getaffinity(0))", "os.cpu_count()"),
        ("os.write(self._kept, self._held.read())", "pass"),
        ("self._held.seek(0)", "pass"),
        ("except MetricfitError:", "except ZeroDivisionError:"),
        ('sys.modules["tensorflow"].config.list_physical_devices()', "pass"),
    ),
    *of(
        "trainers/errors.py",
        "tests/trainers/test_errors.py",
        ("lines[0]) if lines", "lines[-1]) if lines"),
        ("_CLASS.sub(", "str.join("),
        ("exit_code = 3", "exit_code = 2"),
    ),
    *of(
        "trainers/colours.py",
        "tests/trainers/figures/test_classes.py tests/trainers/test_colours.py",
        ("palette[0] = BACKGROUND", "pass"),
        ("distance = np.minimum(distance, _apart(seen, seen[:, farthest : farthest + 1]))", "distance[farthest] = 0"),
        ("(_WEIGHTS * np.linalg.norm(seen - other, axis=-1)).min(axis=0)", "np.linalg.norm(seen - other, axis=-1)[0]"),
    ),
    *of(
        "trainers/metrics/batch_means.py",
        "tests/trainers/metrics/test_merge.py tests/trainers/metrics/test_jaccard.py",
        ("missing = -len(carried) % size", "missing = len(carried) % size"),
        ("self._sums[self.images % self._batch_size]", "self._sums[(self.images - 1) % self._batch_size]"),
    ),
    *of(
        "trainers/metrics/average_precision.py",
        "tests/trainers/metrics/test_merge.py",
        ("self._next = max(self._next, other._next)", "self._next += 0"),
    ),
    *of(
        "trainers/metrics/matching.py",
        "tests/trainers/metrics/test_merge.py",
        ("key=lambda row: row[0]", "key=lambda row: 0"),
    ),
    *of(
        "trainers/metrics/catalogue.py",
        "tests/trainers/metrics/test_catalogue.py",
        ("if word.islower() else", "if word else"),
    ),
    *of(
        "trainers/metrics/keras/maps.py",
        "tests/trainers/metrics/keras/test_saliency.py",
        ("weight = counted * image_weights(", "weight = image_weights("),
        ("valid & (y_true > 0.5)", "y_true > 0.5"),
    ),
    *of(
        "trainers/metrics/keras/weighted_f.py",
        "tests/trainers/metrics/keras/test_saliency.py",
        ("nearer = here < best", "nearer = here <= best"),
        ("for axis in (1, 2):", "for axis in (2, 1):"),
    ),
    *of(
        "trainers/metrics/keras/structure.py",
        "tests/trainers/metrics/keras/test_saliency.py",
        ("places <= centre", "places < centre"),
    ),
    *of(
        "trainers/metrics/keras/alignment.py",
        "tests/trainers/metrics/keras/test_saliency.py",
        ("tf.minimum(2 * mean, 1)", "(2 * mean)"),
    ),
    *of(
        "trainers/metrics/keras/miou.py",
        "tests/trainers/metrics/keras/test_miou.py",
        ("tf.where(counted, weights, 0 * weights)", "weights"),
    ),
    *of(
        "export/parity/boxes.py",
        "tests/export/test_detector.py::test_8_bit_files_may_be_better_than_the_model_and_hardly_worse "
        "tests/export/test_detector.py::test_what_the_limit_cuts_off_is_not_missed "
        "tests/export/test_detector.py::test_missing_doubled_moved_and_renamed_boxes_are_noticed",
        (
            '(-metrics["ap"], METRIC_DIFFERENCE, -draws.metrics["ap"]',
            '(abs(metrics["ap"]), METRIC_DIFFERENCE, np.abs(draws.metrics["ap"])',
        ),
        ("if score > floor and not", "if not"),
        ("among = candidate_scores >= min(", "among = candidate_scores >= max("),
    ),
    *of(
        "export/parity/agreement.py",
        "tests/export/test_parity.py",
        ("self.largest = max(self.largest, float(difference.max()))", "self.largest = float(difference.max())"),
        (
            "(abs(value), METRIC_DIFFERENCE, np.abs(draws.metrics[name])",
            "(-value, METRIC_DIFFERENCE, -draws.metrics[name]",
        ),
        ("self._means += difference", "self._means = difference"),
        ("not math.isfinite(limit.found) or low", "low"),
    ),
    *of(
        "export/runners/inspection.py",
        "tests/export/test_trust.py",
        ("for function in functions.values() for node in", "for function in () for node in"),
        ("if name in functions and set(functions[name].attr) <= _PLAIN", "if name in functions"),
        ("if alone else set()", "if model else set()"),
        ('if name.startswith("__")', "if name"),
    ),
    *of(
        "trainers/models/keras_file.py",
        "tests/export/test_trust.py",
        ("yield value\n            waiting += value.values()", "yield value\n            continue"),
        ("safe_mode=not trust", "safe_mode=True"),
        ("(found.external or found.is_virtual)", "found.external"),
        ("(found.external or found.is_virtual)", "found.is_virtual"),
        (" or isinstance(link, h5py.ExternalLink)", ""),
    ),
    *of(
        "trainers/training/ranges.py",
        "tests/trainers/training/test_ranges.py",
        ("if value != value:", "if value is None:"),
        ("self.below and value == self.high", "False"),
        ("check_ranges(value, ", "len("),
    ),
    *of("app/keywords.py", "tests/trainers/training/test_ranges.py", ("    check_ranges(options)", "    pass")),
    *of("trainers/files.py", "tests/export/test_trust.py", ("found != expected.lower()", "size < 0")),
    *of(
        "export/runners/tflite.py",
        "tests/export/test_runner.py::test_foreign_quantised_inputs_are_rounded "
        "tests/export/test_runner.py::test_stored_bytes_mean_what_their_scale_says",
        ("np.round(image / np.float32(scale))", "(image / np.float32(scale))"),
        ("(values - zero_point) * np.float32(scale)", "values * np.float32(scale)"),
    ),
    *of(
        "export/formats/tflite.py", "tests/export/test_parity.py", ("rank=1", "rank=5"), ('"dynamic", "m', '"int4", "m')
    ),
    *of(
        "export/formats/tflite_converter.py",
        "tests/export/test_export.py::test_int8_takes_bytes_as_they_are_and_has_no_float_islands",
        ("pictures[0, 0, 0], pictures[0, -1, -1] = 0, 255", "pictures[0, 0, 0] = 0"),
    ),
    *of(
        "export/exporter.py",
        "tests/export/test_export.py::test_only_training_pictures_reach_the_converter "
        "tests/export/test_export.py::test_the_representative_pictures_are_training_pictures",
        ("elif held_out == source_text:", "elif not held_out:"),
        ("random.default_rng(seed).permutation(len(source))[:count]", "arange(len(source))"),
    ),
    *of(
        "export/tasks/segmentation.py",
        "tests/export/test_segmentation.py::test_a_file_that_disagrees_is_refused",
        ("probabilities.max(axis=-1) - _TIE).all()", "probabilities.max(axis=-1) - _TIE).any()"),
    ),
    *of(
        "export/tasks/detection.py",
        "tests/export/test_detector.py::test_a_run_gives_its_own_thresholds",
        ('classes.get(name, {}).get("threshold", optimal)', 'classes.get(name, {}).get("threshold", 0.0)'),
    ),
    *of(
        "export/serving/taps.py",
        "tests/export/serving/test_resizing.py",
        ("last_part > 1e-3", "last_part > 0.5"),
        ("    if columns:", "    if not columns:"),
    ),
    *of(
        "export/serving/resizing.py",
        "tests/export/serving/test_resizing.py",
        ("tf.floor((sums + 2.0) * 0.25)", "tf.round(sums * 0.25)"),
        ("tf.maximum(one, 1)", "one"),
    ),
    *of(
        "export/serving/decoding.py",
        "tests/export/serving/test_decoding.py",
        ("values // 256", "values // 257"),
        ("return tf.cond(is_filler, lambda: rgba", "return tf.cond(rgba[0, 0, 3] > 0, lambda: rgba"),
    ),
    *of("export/serving/orientation.py", "tests/export/serving/test_decoding.py", ("(3, 4, 7, 8)", "(3, 4, 5, 8)")),
    *of(
        "export/serving/warmup.py",
        "tests/export/serving/test_contract.py::test_the_requests_to_warm_up_are_answered_for_every_signature",
        ("rest & 127 | 128", "rest & 127"),
    ),
    *of(
        "export/card.py",
        "tests/export/test_card.py",
        ("len(per_class) not in (0, classes)", "len(per_class) > classes"),
    ),
    *of(
        "trainers/training/optimizer.py",
        "tests/trainers/training/test_optimizer.py",
        ("warmup_steps=warmup,", "warmup_steps=1,"),
        ("int(config.warmup_share * total_steps)", "int(total_steps)"),
        ('["bias", "gamma", "beta", "alpha"]', "[]"),
    ),
    *of(
        "trainers/training/callbacks/time_limit.py",
        "tests/trainers/training/test_callbacks.py",
        ("self._shortest = min(self._shortest, last)", "self._shortest = last"),
    ),
    *of(
        "trainers/training/reporting/epoch_report.py",
        "tests/trainers/training/test_callbacks.py",
        ("figures = self.report.scalars if self.add_logs else {}", "figures = self.report.scalars"),
        ("if (epoch + 1) % self.every:", "if epoch % self.every:"),
    ),
    *of(
        "trainers/training/callbacks/best.py",
        "tests/trainers/training/test_callbacks.py",
        ("self.sign * self.value >= height - error", "self.sign * self.value >= height"),
        ("not (kept_is_equal and self._second > second)", "not kept_is_equal"),
        ("height >= self._highest - self._error and", "height >= self._highest and"),
        ("done - self.best.epoch >= self.epochs", "done - self.best.epoch > self.epochs"),
    ),
    *of(
        "trainers/judge/spread.py",
        "tests/trainers/judge/test_spread.py",
        ("parts[bisect.bisect(starts, place) - 1]", "parts[0]"),
        ("(len(values) - 1) * np.var(values)", "np.var(values)"),
    ),
    *of(
        "trainers/training/fitting.py",
        "tests/trainers/training/test_run.py::test_what_is_left_of_the_minutes_must_hold_the_shortest_epoch",
        ("sum(seconds) + min(seconds)", "sum(seconds) + max(seconds)"),
        ("if reached.epochs >= config.epochs:", "if reached.epochs > config.epochs:"),
        ("if reached.steps or not reached.epochs:", "if not reached.epochs:"),
    ),
    *of(
        "trainers/training/fitting.py",
        "tests/trainers/training/test_run.py::test_a_run_folder_that_goes_away_is_not_made_anew",
        ("lambda epoch, logs: check_there(folder)", "lambda epoch, logs: None"),
    ),
    *of(
        "trainers/tasks/training.py",
        "tests/trainers/training/test_run.py::test_a_run_folder_that_goes_away_is_not_made_anew",
        ("            check_there(folder)", "            pass"),
    ),
    *of(
        "trainers/stopping.py",
        "tests/trainers/test_stopping.py",
        ("if not (first and self.waits):", "if not self.waits:"),
        ("if request.number is not None and request.number in ASKS_TO_END:", "if request.number is not None:"),
    ),
    *of(
        "trainers/locking.py",
        "tests/trainers/test_locking.py",
        ("if _is_at(file, self.path):", "if True:"),
        ("fcntl.LOCK_EX | fcntl.LOCK_NB", "fcntl.LOCK_SH | fcntl.LOCK_NB"),
    ),
    *of(
        "trainers/training/run_folder.py",
        "tests/trainers/training/test_run_folder.py",
        ("        refuse_locked(below)", "        pass"),
        ('(path.name != "checkpoints", path.name == "config.json")', "path.name"),
        ('not (folder / "checkpoints").is_dir() or', "False or"),
        ('(folder / "metrics.json").is_file() or epochs > 1', "epochs > 1"),
        ('(folder / "metrics.json").is_file() or epochs > 1', '(folder / "metrics.json").is_file()'),
    ),
    *of(
        "trainers/training/callbacks/position.py",
        "tests/trainers/training/test_checkpoint.py",
        ("            variable.assign(values)", "            pass"),
        ("self.model.stop_training = False", "pass"),
        ("if batch + 1 < self.steps and not self.left():", "if False:"),
    ),
    *of(
        "trainers/training/callbacks/checkpoint.py",
        "tests/trainers/training/test_checkpoint.py",
        ("or position.left() == 1", "or False"),
        ("if _shapes(arrays) != _shapes(state):", "if False:"),
    ),
    *of(
        "trainers/judge/base.py",
        "tests/trainers/judge/test_merge.py tests/trainers/judge/test_reports.py",
        ("self._pictures |= other._pictures", "pass"),
        ("self._next = max(self._next, other._next)", "pass"),
        ("np.linspace(0, examples - 1, count)", "np.linspace(0, examples, count)"),
    ),
    *of(
        "trainers/judge/maps.py",
        "tests/trainers/judge/test_reports.py",
        ('known(example, "mask"), scale_logits(found, self.logit_scale)', 'known(example, "mask"), found'),
    ),
    *of(
        "trainers/judge/boxes.py",
        "tests/trainers/judge/test_reports.py tests/trainers/judge/test_boxes.py",
        ("found.scores[classes >= 0], classes[classes >= 0]", "found.scores[classes >= 0], classes[classes >= 0] * 0"),
        ("self.class_names if self.model_classes is None else self.model_classes", "self.class_names"),
    ),
    *of(
        "trainers/judge/feeding.py",
        "tests/trainers/judge/test_views.py",
        ("if views == PLAIN:", "if views:"),
    ),
    *of(
        "trainers/comparison/outcome.py",
        "tests/app/compare/test_compare.py",
        ('"worst_transfer_loss": float(lost.max())', '"worst_transfer_loss": float(lost.mean())'),
    ),
    *of(
        "trainers/data/augmentation/boxes.py",
        "tests/trainers/data/test_augment_boxes.py",
        ("guides if len(guides) else whole[None]", "guides"),
        ("(_holds_centre(window[None], boxes)[0] | ignored) & large", "_holds_centre(window[None], boxes)[0] & large"),
    ),
    *of(
        "trainers/data/augmentation/labels.py",
        "tests/trainers/data/test_augment_labels.py tests/trainers/data/test_equibatch.py",
        ("low, high = max(low, -pixel), min(high, size - 1 - pixel)", "pass"),
    ),
    *of(
        "trainers/data/batches/order.py",
        "tests/trainers/data/test_pipeline.py",
        ("[self.seed, epoch, index, repeat]", "[self.seed, epoch, index]"),
        ("max(1, least_steps, length // batch_size)", "max(1, least_steps, -(-length // batch_size))"),
        ("max(1, least_steps, length // batch_size)", "max(1, length // batch_size)"),
    ),
    *of(
        "trainers/data/batches/pipeline.py",
        "tests/trainers/data/test_pipeline.py tests/trainers/data/test_pipeline_boxes.py "
        "tests/trainers/data/test_equibatch.py",
        ("(sampler or order).draw", "order.draw"),
        ("start=start_step * batch_size", "start=start_step"),
    ),
    *of(
        "trainers/data/fit.py",
        "tests/trainers/data/test_fit.py tests/trainers/data/test_targets.py",
        ("max(1, int(height * side / longest + 0.5))", "max(1, int(height * side / longest))"),
    ),
    *of(
        "trainers/data/images.py",
        "tests/trainers/data/test_images.py",
        ("interpolation=cv2.INTER_NEAREST_EXACT", "interpolation=cv2.INTER_NEAREST"),
        ("if mask.shape == size[::-1]:", "if False:"),
    ),
    *of(
        "trainers/data/decoding.py",
        "tests/trainers/data/test_images.py tests/trainers/data/test_listing.py",
        ("* 255 + full // 2) // full", "* 255) // full"),
        ("(8, 10, 12, 14, 16) if high < 1 << bits", "(8, 10, 12, 14, 16) if high <= 1 << bits - 1"),
        ("order = [2, 1, 0, 3]", "order = [0, 1, 2, 3]"),
        ("image.getexif()[_ORIENTATION] = turn or 1", "pass"),
        ("    if rows.any():", "    if rows.all():"),
        ('.rstrip(b"\\xff")', ""),
        ('image.format != "MPO" and getattr(image, "n_frames", 1) > 1', "False"),
        ("if str(path).lower().endswith(RAW_SUFFIXES):", "if False:"),
        ("(seen or file.width == file.height)", "seen"),
    ),
    *of(
        "trainers/data/labels.py",
        "tests/trainers/data/test_labels.py",
        ("return not held[0] and bool(held[next_value])", "return bool(held[next_value])"),
        ("if not held[IGNORE] or IGNORE in self._ignore or", "if not held[IGNORE] or"),
        ("absent == [names[counting[-1]]] or ", ""),
        (" or len(absent) == len(counting) - 1)", ")"),
    ),
    *of(
        "trainers/data/listing.py",
        "tests/trainers/data/test_listing.py",
        ("and suffix not in PICTURE_SUFFIXES", ""),
        ("        and path.is_file()\n", ""),
    ),
    *of(
        "trainers/data/sources/box_coding.py",
        "tests/trainers/data/test_coco_source.py tests/trainers/data/test_voc.py",
        ("often = beyond.sum() >= max(2, len(table) / 3)", "often = beyond.any()"),
        ("& ~np.isclose(area, products, 0.1)", ""),
        ("(first - second / 2 >= -1).all()", "True"),
        ("((first + second)[:, ::-1] <= corner + 1).all()", "True"),
        ("inverted.sum() < max(3, len(table) / 3)", "inverted.sum() < 1"),
        ("(ends == table[:, 4:6] + 1).any()", "True"),
    ),
    *of(
        "trainers/data/sources/coco_json.py",
        "tests/trainers/data/test_coco_source.py",
        ("if shifts not in ({1}, {-1}):", "if not shifts:"),
        ("int(value) if isinstance(value, float) and value.is_integer() else value", "value"),
        ("(bbox, record.seen or record.size, area)", "(bbox, record.size, area)"),
    ),
    *of(
        "trainers/text.py",
        "tests/trainers/test_text.py tests/trainers/data/test_folder.py",
        ("return composed(composed(name).casefold())", "return name.casefold()"),
        ("data[1::2].count(0) >= data[::2].count(0)", "True"),
        ("if fits is None or fits(text):", "if True:"),
        ("if _CONTROL.search(text):", "if False:"),
        ('.removesuffix("\\x1a")', ""),
    ),
    *of(
        "trainers/data/scan/scanner.py",
        "tests/trainers/data/test_scan.py tests/trainers/data/test_scan_boxes.py",
        ("return any(facts.hopeless", "return all(facts.hopeless"),
        ("if strict and (self.faults or self.repaired)", "if strict and self.faults"),
    ),
    *of(
        "trainers/data/sources/joined.py",
        "tests/trainers/data/test_joined.py",
        ("max(bound for bound in bounds if bound is not None)", "min(bound for bound in bounds if bound is not None)"),
        ("return self.names[index] if name == source.names[within] else name", "return name"),
    ),
    *of(
        "trainers/data/subset.py",
        "tests/trainers/data/test_sources.py",
        ("indices % every == every - 1", "indices % every == 0"),
    ),
    *of(
        "trainers/data/example.py",
        "tests/trainers/data/test_labels.py tests/trainers/data/test_sources.py tests/trainers/data/test_scan.py",
        ("return self.source.partner_name(index)", "return self.names[index]"),
        ("source.structural_faults, source.repaired, source.notes", "(), source.repaired, source.notes"),
    ),
    *of(
        "trainers/data/targets/mask.py",
        "tests/trainers/data/test_targets.py tests/trainers/data/test_scan.py",
        ("int(salient and not (mask == 0).any())", "int(not (mask == 0).any())"),
        ("resize_map(found[:height, :width], shape)", "resize_map(found, shape)"),
    ),
    *of(
        "trainers/data/targets/labels.py",
        "tests/trainers/data/test_labels.py tests/trainers/data/test_contact_sheet.py",
        ("self.empty + other.empty", "self.empty"),
        ("present - {0} if has_background(class_names)", "present - {0} if class_names"),
    ),
    *of(
        "trainers/data/targets/boxes.py",
        "tests/trainers/data/test_targets.py tests/trainers/data/test_scan_boxes.py "
        "tests/trainers/data/test_pipeline_boxes.py",
        ("max(self.most, other.most)", "other.most"),
        ("classes[kept]", "classes[: len(kept)]"),
        ("boxes[: int(count)]", "boxes"),
    ),
    *of(
        "app/results/saliency.py",
        "tests/app/test_results.py",
        ("np.rint(self.map * 255.0)", "np.floor(self.map * 255.0)"),
    ),
    *of("app/results/base.py", "tests/app/test_results.py", ("per_class=())", "per_class=self.threshold.per_class)")),
    *of(
        "app/results/classes.py",
        "tests/app/test_results.py",
        ("labels = overlay_classes.shown_labels(self, self.threshold.value)", "labels = self.labels"),
    ),
    *of(
        "app/results/detections.py",
        "tests/app/test_results.py",
        ("size[1] / self.size[1], size[0] / self.size[0]", "size[0] / self.size[0], size[1] / self.size[1]"),
    ),
    *of("app/tasks/segmentation.py", "tests/app/test_results.py", ("cv2.CMP_GT", "cv2.CMP_GE")),
    *of("app/tasks/detection.py", "tests/app/test_detection.py", ("box_areas(boxes) > 0", "box_areas(boxes) > -1")),
    *of(
        "app/prediction/prediction.py",
        "tests/app/prediction/test_predict.py",
        ("seen=picture.seen).at(self.threshold)", "seen=picture.seen)"),
    ),
    *of(
        "app/prediction/checks.py",
        "tests/app/prediction/test_predict.py",
        ("if (out / RESULTS).is_file():", "if out.is_dir():"),
    ),
    *of(
        "app/prediction/prediction.py",
        "tests/app/test_api.py::test_predict_takes_files_folders_and_arrays_and_writes_where_it_is_told",
        (
            "predictor.threshold if threshold is None else resolve_threshold(threshold, predictor)",
            "predictor.threshold",
        ),
    ),
    *of(
        "app/api.py",
        "tests/app/test_api.py::test_predict_takes_files_folders_and_arrays_and_writes_where_it_is_told",
        ("None if out is None else Path(out)", 'Path(out or "out")'),
    ),
    *of(
        "app/api.py",
        "tests/app/test_api.py::test_errors_are_those_of_the_command_line",
        ('SET_FOR_EACH.keys() & flags.get("train", ())', "()"),
    ),
    *of(
        "app/keywords.py",
        "tests/app/test_api.py::test_keywords_become_what_the_flags_give",
        ('return f"{value:g}" if', 'return f"{value:.0f}" if'),
    ),
    *of(
        "app/live/player.py",
        "tests/app/live/test_demo.py::test_a_window_loops_and_a_recorded_one_does_not",
        ("apart = demo.recording is not None and size != frame.image.shape[:2]", "apart = False"),
    ),
    *of("app/live/frames.py", "tests/app/live/test_video.py", ("0.1 <= fps <= 480", "0.0 <= fps <= 480")),
    *of(
        "trainers/data/sources/boxes/pairing.py",
        "tests/trainers/data/boxes/test_voc_layouts.py tests/trainers/data/boxes/test_yolo.py",
        ('or _place(folder, tree.root).role != "partner"', ""),
        ("if place.role else (composed(part),)", ""),
        ("if self.whole and len(self.splits) > 1", "if self.whole"),
    ),
    *of(
        "trainers/data/sources/boxes/annotated.py",
        "tests/trainers/data/boxes tests/trainers/data/test_voc.py",
        ("written * [size[1], size[0], size[1], size[0]]", "written * [size[0], size[1], size[0], size[1]]"),
        ("first_pixel=self._first_pixel", "first_pixel=0"),
        ("classes=classes[kept]", "classes=classes[: len(kept)]"),
    ),
    *of(
        "trainers/data/sources/boxes/yolo.py",
        "tests/trainers/data/boxes/test_yolo.py",
        ("BEYOND = 0.02", "BEYOND = 0.2"),
        ("kind != int(kind) or kind < 0", "kind < 0"),
        ("count < 6 or count % 2", "count < 6"),
    ),
    *of(
        "trainers/data/sources/boxes/cvat.py",
        "tests/trainers/data/boxes/test_cvat.py",
        ("if turn := _turn(shape):", "if False:"),
        ("last = None if outside else frame", "last = frame"),
    ),
    *of(
        "trainers/data/sources/boxes/labelme.py",
        "tests/trainers/data/boxes/test_labelme.py",
        ("key = number if group is None", "key = number if True"),
        ("points[0] - radius, points[0] + radius", "points[0], points[0] + radius"),
    ),
    *of(
        "trainers/data/sources/boxes/tfrecords.py",
        "tests/trainers/data/boxes/test_tfds_folder.py",
        ("part.skip + part.take)", "part.take)"),
        ("if end > size", "if start > size"),
    ),
    *of(
        "trainers/data/parts.py",
        "tests/app/datasets/test_split.py",
        ('last = _COPY.sub("", last)', ""),
        ("choices = lacking if", "choices = list(shares) if"),
        ("shares[name] * len(names) - len(parts[name])", "shares[name]"),
    ),
    *of(
        "trainers/data/writing/base.py",
        "tests/app/datasets/test_convert.py",
        ("not turned and np.array_equal", "True or np.array_equal"),
        ("while stem.casefold() in self._taken", "while stem in self._taken"),
    ),
    *of(
        "trainers/data/writing/voc.py",
        "tests/app/datasets/test_convert.py",
        ("low, high = box[:2] + 1, box[2:]", "low, high = box[:2], box[2:]"),
        ("high.clip(low + _LEAST)", "high"),
    ),
    *of(
        "app/tasks/detection.py",
        "tests/app/test_detection.py",
        ("largest + place for place", "place for place"),
    ),
    *of(
        "app/live/session.py",
        "tests/app/live/test_demo.py::test_a_camera_s_recording_counts_from_its_own_start",
        ("self._record_since = running", "self._record_since = 0.0"),
    ),
    *of("app/live/video.py", "tests/app/live/test_video.py", ("0.9 * self.length", "0.1 * self.length")),
    *of(
        "app/prediction/record.py",
        "tests/app/prediction/test_resume.py",
        ('line["stamp"] != stamp() or', ""),
        ("self._reserve.release()", "pass"),
        ("if different := differences(before, self._settings()):", "if False:"),
    ),
    *of(
        "app/prediction/journal.py",
        "tests/app/prediction/test_resume.py",
        ("            self._file.truncate(self._size)\n        except", "            pass\n        except"),
    ),
    *of("app/live/video.py", "tests/app/prediction/test_bad_files.py", ("if is_text(place):", "if True:")),
    *of(
        "app/live/containers.py",
        "tests/app/live/test_recording_ends.py",
        ('"hybrid_fragmented" if hybrid else "empty_moov+default_base_moof"', '"faststart"'),
    ),
    *of("app/live/latency.py", "tests/app/live/test_latency.py", ("place + 0.5", "place + 1.5")),
    *of("app/live/sources.py", "tests/app/live/test_video.py", ("(self._next - 1 + offset)", "(self._next + offset)")),
    *of(
        "app/show/stems.py",
        "tests/app/live/test_video.py::test_inputs_are_found_once_and_named_apart",
        ("(number > 1 and free.casefold() in reserved)", "False"),
    ),
    *of(
        "app/serve/work/line.py",
        "tests/app/serve/test_line.py",
        ("others = self._waiting.pop(client)", "others = self._waiting[client]"),
        ("<= len(self._waiting.get(client, ())) + 1", "<= 99"),
    ),
    *of(
        "app/serve/work/batches.py",
        "tests/app/serve/test_batches.py",
        ("< self._most and self._coming and loop", "< self._most and loop"),
        ("for found in self._found([picture])", "for found in [error]"),
    ),
    *of("app/serve/work/pictures.py", "tests/app/serve/test_answers.py", ("formats=FORMATS", "formats=None")),
    *of("app/serve/requests/uploads.py", "tests/app/serve/test_limits.py", ("if taken > most:", "if not most:")),
    *of("app/serve/requests/origins.py", "tests/app/serve/test_limits.py", ("not in self._names:", "in ():")),
    *of(
        "app/serve/requests/rates.py",
        "tests/app/serve/test_limits.py",
        ("(left - 1 if left >= 1", "(left if left >= 1"),
    ),
    *of(
        "trainers/data/large/limit.py", "tests/trainers/data/test_images.py", ("Image.MAX_IMAGE_PIXELS = limit", "pass")
    ),
    *of(
        "trainers/data/large/png_bands.py",
        "tests/trainers/data/large/test_png_bands.py",
        ("above = band.crop((0, count, width, count + 1)).tobytes()", "above = bytes(row_bytes)"),
        ("check != struct.pack", "check == struct.pack"),
    ),
    *of(
        "trainers/data/large/reduction.py",
        "tests/trainers/data/large/test_reduction.py",
        ("if height * width > LARGE:", "if height * width > SEEN:"),
        ("(2 * sums + counts) // (2 * counts)", "sums // counts"),
    ),
    *of(
        "trainers/data/large/turns.py",
        "tests/trainers/data/large/test_turns.py",
        ("            if not held:\n", "            if True:\n"),
        ("self._free += self._held.pixels", "self._free += 0"),
    ),
    *of(
        "trainers/data/fit.py",
        "tests/trainers/data/large/test_examples.py",
        ("    size = size or (image.shape[0], image.shape[1])", "    size = (image.shape[0], image.shape[1])"),
    ),
    *of(
        "trainers/text.py",
        "tests/trainers/data/test_growth.py",
        (
            "for value, times in Counter(values).items() if times > 1]",
            "for value in list(values) if list(values).count(value) > 1]",
        ),
    ),
    *of(
        "trainers/training/faults/guarded_step.py",
        "tests/trainers/training/faults/test_guarded_step.py",
        ("tf.reduce_all(tf.math.is_finite(seen))", "tf.math.is_finite(self._loss)"),
        ("tf.cond(self._sound, lambda: None, put_back)", "tf.cond(self._sound, lambda: None, lambda: None)"),
        ("scale > LEAST_SCALE", "scale > 0"),
    ),
    *of(
        "trainers/training/faults/restoring.py",
        "tests/trainers/training/faults/test_divergence.py::test_going_back_halves_the_learning_rate_until_it_was_often_enough",
        ('reached = restore(self.model, self.folder / "checkpoints")', "reached = BEGINNING"),
    ),
    *of(
        "trainers/training/callbacks/divergence.py",
        "tests/trainers/training/faults/test_divergence.py",
        ("self._in_a_row <= MOST_IN_A_ROW", "self._in_a_row <= 2 * MOST_IN_A_ROW"),
    ),
    *of(
        "trainers/training/reporting/history.py",
        "tests/trainers/training/faults/test_mending.py",
        ('[line for line in lines if line[-1] in "\\r\\n"]', "lines"),
    ),
    *of(
        "trainers/data/steady.py",
        "tests/trainers/data/test_steady.py",
        ("(*range(index + 1, len(self)), *range(index))", "range(len(self))"),
    ),
    *of(
        "trainers/data/batches/stream.py",
        "tests/trainers/data/test_steady.py::test_a_picture_that_turned_bad_is_told_in_its_own_sentence",
        ("raise failed from None", "raise"),
    ),
    *of(
        "export/runners/tflite_bounds.py",
        "tests/export/test_tflite_bounds.py",
        (".SubgraphIndex()) >= count", ".SubgraphIndex()) > count"),
        ("range(count):", "range(1):"),
        ("if not all(1 <= found <= side", "if not any(1 <= found <= side"),
        (".itemsize > LARGEST", ".itemsize >= LARGEST"),
    ),
    *of(
        "export/runners/tflite.py",
        "tests/export/test_tflite_bounds.py",
        ("if not self._vouched:", "if True:"),
    ),
]
