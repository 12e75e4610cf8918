"""The web page at the sideline: what was diverted is looked at, judged, marked and counted."""
