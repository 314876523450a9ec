"""Read a match file with plain pynwb: no other package is needed.

Run: python examples/read_matches.py matches.nwb
"""

import sys

import pynwb


def main(path: str) -> None:
    matching = pynwb.read_nwb(path).processing["ophys"]["CellMatching"]
    sessions = matching.sessions.to_dataframe()
    cells = matching.cells.to_dataframe(index=True)  # without index=True every mask would be read
    in_all = cells[cells["n_sessions"] == len(sessions)]
    print(f"{len(in_all)} of {len(cells)} cells are in all {len(sessions)} sessions")

    # The ROIs of the first of these cells: their rows in the copied ROI tables, and their ids.
    for name, roi_table in zip(sessions["session_name"], matching.sessions["roi_table"][:], strict=True):
        roi_row = int(in_all[name].iloc[0][0])
        print(f"session {name}: roi_row {roi_row}, roi_id {roi_table.id[roi_row]}")


if __name__ == "__main__":
    main(sys.argv[1])
