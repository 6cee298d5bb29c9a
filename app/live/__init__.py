"""The demo: frames in, overlays out, in a window, a video or a folder."""
