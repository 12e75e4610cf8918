"""Where the item is: the station's plane, its store, and the items in one frame."""

from damage_perception.station.fit import PlaneFit, fit_plane
from damage_perception.station.foreground import FindForeground, Foreground
from damage_perception.station.item import Item
from damage_perception.station.plane import Plane, StationError
from damage_perception.station.region import RegionOfInterest
from damage_perception.station.station import Station
from damage_perception.station.store import load_station, load_stations, save_stations
from damage_perception.station.support import Support, SupportWatch

__all__ = [
    "FindForeground",
    "Foreground",
    "Item",
    "Plane",
    "PlaneFit",
    "RegionOfInterest",
    "Station",
    "StationError",
    "Support",
    "SupportWatch",
    "fit_plane",
    "load_station",
    "load_stations",
    "save_stations",
]
