"""What a person draws on a slide: shapes in level-0 pixels, their classes, their history and how they are kept.

Nothing here knows a widget; `viewers.marking` paints and draws.
"""
