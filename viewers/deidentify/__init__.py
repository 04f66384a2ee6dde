"""De-identifying DICOM after PS3.15 Annex E: the table of attributes, consistent pseudonyms, and burned-in text. No Qt.

`instance.deidentified` makes one file; `burned_in.proposed` finds what looks like text in its pixels. What is written says in its
own header what was done (DeidentificationMethodCodeSequence); what cannot be done safely is refused with a sentence.
"""
