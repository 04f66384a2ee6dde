"""What a reader measures on films: marks of a frame, their values with unit and provenance, and how they leave as DICOM.

Nothing here knows a widget. Places are pixels of the frame: x to picture-right, y down, (0, 0) the upper left corner of the
first pixel, whose centre is (0.5, 0.5), as in DICOM's SCOORD and graphic annotations (PS3.3 C.18.6.1.2, C.10.5.1.2).
"""
