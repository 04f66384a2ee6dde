"""What other programs and people said about images, in DICOM objects that show nothing by themselves."""
