"""A small CT of known places and values, and what others say about it, written by highdicom."""

from __future__ import annotations

from pathlib import Path

import highdicom as hd
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

SIZE, SLICES, STEP_MM, PIXEL_MM = 64, 6, 2.5, 0.8


def ct(folder: Path, slices: int = SLICES) -> list[Dataset]:
    """Slices of 64 × 64: value = 10 × slice + column, as HU after an intercept of -1000; files 0.dcm … in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    found = []
    for number in range(slices):
        one = Dataset()
        one.file_meta = FileMetaDataset()
        one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID = CTImageStorage
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID = generate_uid()
        one.StudyInstanceUID, one.SeriesInstanceUID, one.FrameOfReferenceUID = study, series, frame
        one.PatientID, one.PatientName, one.PatientBirthDate, one.PatientSex = "P1", "Phantom^One", "19700101", "O"
        one.StudyDate, one.StudyTime, one.StudyID, one.AccessionNumber = "20240517", "101500", "1", "A1"
        one.ReferringPhysicianName, one.PositionReferenceIndicator, one.Manufacturer = "", "", "Phantoms"
        one.Modality, one.SeriesNumber, one.InstanceNumber = "CT", 1, number + 1
        one.ImageType, one.AcquisitionNumber, one.KVP = ["ORIGINAL", "PRIMARY", "AXIAL"], 1, "120"
        one.ImagePositionPatient, one.ImageOrientationPatient = [-20.0, -10.0, number * STEP_MM], [1, 0, 0, 0, 1, 0]
        one.PixelSpacing, one.SliceThickness = [PIXEL_MM, PIXEL_MM], STEP_MM
        one.Rows = one.Columns = SIZE
        one.SamplesPerPixel, one.PhotometricInterpretation, one.PixelRepresentation = 1, "MONOCHROME2", 0
        one.BitsAllocated, one.BitsStored, one.HighBit = 16, 16, 15
        one.RescaleIntercept, one.RescaleSlope, one.RescaleType = "-1000", "1", "HU"
        one.WindowCenter, one.WindowWidth = "-950", "200"
        one.PixelData = (np.tile(np.arange(SIZE), (SIZE, 1)) + 10 * number).astype("<u2").tobytes()
        one.save_as(folder / f"{number}.dcm", enforce_file_format=True)
        found.append(one)
    return found


def block() -> np.ndarray:
    """(slices, rows, columns): a box in slices 2 to 4, rows 10 to 19, columns 20 to 39."""
    mask = np.zeros((SLICES, SIZE, SIZE), np.uint8)
    mask[2:5, 10:20, 20:40] = 1
    return mask


def segmentation(path: Path, images: list[Dataset], masks: np.ndarray, fractional: bool = False) -> None:
    """`masks`: (slices, rows, columns) of one segment, or with a last axis of several."""
    count = masks.shape[3] if masks.ndim == 4 else 1
    described = [
        hd.seg.SegmentDescription(
            segment_number=number + 1, segment_label=("Liver", "Lesion", "Third")[number],
            segmented_property_category=codes.SCT.Organ, segmented_property_type=codes.SCT.Liver,
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=hd.AlgorithmIdentificationSequence("nnFake", codes.DCM.ArtificialIntelligence, "2.1"),
        )
        for number in range(count)
    ]  # fmt: skip
    kind = hd.seg.SegmentationTypeValues.FRACTIONAL if fractional else hd.seg.SegmentationTypeValues.BINARY
    hd.seg.Segmentation(
        source_images=images, pixel_array=masks, segmentation_type=kind, segment_descriptions=described,
        series_instance_uid=generate_uid(), series_number=50, sop_instance_uid=generate_uid(), instance_number=1,
        manufacturer="Others", manufacturer_model_name="Segmenter", software_versions="3", device_serial_number="1",
        content_label="ORGANS",
    ).save_as(path)  # fmt: skip


def report(path: Path, images: list[Dataset], polyline: np.ndarray, slice_number: int) -> None:
    """TID 1500 with one group: a closed outline on one slice, a length of 12.5 mm and a mean of 45 HU."""
    image = hd.sr.SourceImageForRegion(images[slice_number].SOPClassUID, images[slice_number].SOPInstanceUID)
    region = hd.sr.ImageRegion(hd.sr.GraphicTypeValues.POLYLINE, polyline, image)
    group = hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(generate_uid(), "Nodule 1"), referenced_region=region,
        finding_type=codes.SCT.Nodule, finding_sites=[hd.sr.FindingSite(codes.SCT.Lung, laterality=codes.SCT.Right)],
        measurements=[
            hd.sr.Measurement(codes.SCT.Length, 12.5, codes.UCUM.Millimeter),
            hd.sr.Measurement(codes.SCT.Mean, 45.0, codes.UCUM.HounsfieldUnit),
        ],
        qualitative_evaluations=[hd.sr.QualitativeEvaluation(codes.SCT.Severity, codes.SCT.Severe)],
    )  # fmt: skip
    device = hd.sr.DeviceObserverIdentifyingAttributes(generate_uid(), "LungReader")
    observer = hd.sr.ObserverContext(codes.DCM.Device, device)
    context = hd.sr.ObservationContext(observer_device_context=observer)
    content = hd.sr.MeasurementReport(
        observation_context=context, procedure_reported=codes.LN.CTUnspecifiedBodyRegion, imaging_measurements=[group]
    )
    hd.sr.Comprehensive3DSR(
        evidence=images, content=content[0], series_number=60, series_instance_uid=generate_uid(),
        sop_instance_uid=generate_uid(), instance_number=1, manufacturer="Others", is_complete=True, is_final=False,
        is_verified=False,
    ).save_as(path)  # fmt: skip


def presentation(path: Path, images: list[Dataset], **state: object) -> None:
    """One graphic layer in red with a circle, a polyline in fractions of the display, and a text; window -980 / 40."""
    layer = hd.pr.GraphicLayer("MARKS", 1, display_color=hd.color.CIELabColor.from_rgb(255, 0, 0))
    pixel, display = hd.pr.AnnotationUnitsValues.PIXEL, hd.pr.AnnotationUnitsValues.DISPLAY
    circle = hd.pr.GraphicObject(hd.pr.GraphicTypeValues.CIRCLE, np.array([[30.0, 20.0], [35.0, 20.0]]), units=pixel)
    line = hd.pr.GraphicObject(hd.pr.GraphicTypeValues.POLYLINE, np.array([[0.25, 0.5], [0.75, 0.5]]), units=display)
    text = hd.pr.TextObject("look here", units=pixel, anchor_point=(10.0, 12.0), anchor_point_visible=True)
    annotation = hd.pr.GraphicAnnotation([images[1]], layer, graphic_objects=[circle, line], text_objects=[text])
    made = hd.pr.GrayscaleSoftcopyPresentationState(
        referenced_images=images, series_instance_uid=generate_uid(), series_number=70, sop_instance_uid=generate_uid(),
        instance_number=1, manufacturer="Others", manufacturer_model_name="Marker", software_versions="1",
        device_serial_number="1",
        content_label="SHOWN", content_creator_name="Reader^Other", graphic_layers=[layer], graphic_annotations=[annotation],
        voi_lut_transformations=[hd.pr.SoftcopyVOILUTTransformation(window_center=-980.0, window_width=40.0)],
    )  # fmt: skip
    for keyword, value in state.items():
        setattr(made, keyword, value)
    made.save_as(path)


def key_images(path: Path, images: list[Dataset]) -> None:
    content = hd.ko.KeyObjectSelection(codes.DCM.ForTeaching, referenced_objects=images, description="the two best")
    hd.ko.KeyObjectSelectionDocument(
        evidence=images, content=content, series_instance_uid=generate_uid(), series_number=80, sop_instance_uid=generate_uid(),
        instance_number=1, manufacturer="Others",
    ).save_as(path)  # fmt: skip
