"""Report the content of a file and what would be used from it, without matching anything."""

from __future__ import annotations

from dataclasses import dataclass

from ..folders import UNKNOWN_START, take_folders
from ..model import Session
from ..storage.files import Location, as_location
from ..storage.opening import open_nwb
from ..storage.remote import file_stem
from .candidates import FileContents
from .choose import SourceOptions
from .layouts import Recognised, depth_of_plane, pixel_size_of_plane
from .pairing import RecordedPlane
from .planes import PlaneOfFile, list_planes, read_planes_of
from .read import SourceFile


@dataclass(frozen=True)
class InspectedPlane:
    """An imaging plane of a file: its depth in micrometres, and micrometres per pixel along (rows, columns)."""

    name: str
    location: str
    depth: float | None
    pixel_size: tuple[float, float] | None
    channels: tuple[str, ...]


@dataclass(frozen=True)
class InspectedFile:
    """The content of a file and what would be used from it."""

    name: str  #: its location, without passwords
    session_id: str  #: empty if there is none
    session_start: str  #: ISO 8601; empty if it is not known
    subject_id: str  #: empty if there is none
    recognised: Recognised  #: the layout of the file or, if one plane is inspected, of the ROI table that would be used
    planes: tuple[InspectedPlane, ...]
    contents: FileContents  #: the ROI tables and images
    used: dict[str, Session]  #: the sessions that would be used, by imaging plane; by "" if one plane is inspected
    problems: dict[str, str]  #: why an imaging plane cannot be used or what is not clear, by its name
    recorded: tuple[RecordedPlane, ...]  #: the planes of `used`, to be paired with those of other files


def inspect_file(path: Location, options: SourceOptions, all_planes: bool = False) -> InspectedFile:
    """List the content of a file and choose what would be used from it, for one imaging plane or for each.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    location = as_location(path)
    take_folders([location], options.session_starts, options.session_table, need_start=False)
    with open_nwb(location) as nwbfile:
        file = SourceFile(nwbfile, location)
        to_use = list_planes(file, options) if all_planes else [PlaneOfFile("", None, options)]
        used, failed = read_planes_of(file, to_use)
        recognised = file.recognised
        if used and not all_planes:
            chosen = file.contents.table_at(used[""].source.roi_table_path)
            recognised = recognised if chosen is None else recognised.of_table(chosen)
        planes = {name: nwbfile.imaging_planes[name] for name in file.contents.planes}
        planes.update({table.plane: table.imaging_plane for table in file.contents.tables})
        stem = f"{file_stem(location)}.nwb"
        return InspectedFile(
            name=file.name,
            session_id=nwbfile.session_id or "",
            session_start="" if nwbfile.session_start_time == UNKNOWN_START else nwbfile.session_start_time.isoformat(),
            subject_id=file.subject_id,
            recognised=recognised,
            planes=tuple(
                InspectedPlane(
                    name,
                    plane.location,
                    depth_of_plane(nwbfile, plane, recognised.layout),
                    pixel_size_of_plane(plane, recognised.layout),
                    tuple(channel.name for channel in plane.optical_channel),
                )
                for name, plane in planes.items()
            ),
            contents=file.contents,
            used=used,
            problems={
                name: str(error).removeprefix(f"{file.name}: ").removeprefix(f"{file.name}, ")
                for name, error in failed.items()
            },
            recorded=tuple(RecordedPlane(stem, name, session.imaging_depth) for name, session in used.items()),
        )
