"""The shipped models, and the code that trains, converts and measures them (never needed on a device)."""

from edge.files.opencv_environment import set_opencv_environment

set_opencv_environment()  # each module here may be a process of its own, and imports cv2 at its top
