"""Which files are videos, by ending and first bytes; also part of ``predict.py``."""

VIDEO_SUFFIXES = frozenset(
    [
        *(".mp4", ".m4v", ".mov", ".qt", ".3gp", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".mpe"),
        *(".vob", ".wmv", ".asf", ".mts", ".m2ts", ".flv", ".ogv"),
    ]
)


def begins_like_video(head: bytes) -> bool:
    """Say whether a file's first bytes are those of MP4, QuickTime, AVI, Matroska or WebM."""
    return (
        head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide")
        or head.startswith(b"\x1a\x45\xdf\xa3")
        or (head.startswith(b"RIFF") and head[8:12] == b"AVI ")
    )
