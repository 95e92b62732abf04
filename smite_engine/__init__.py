"""SMITE's engine: learns parts from painted stills and segments them in shots.

Numpy in, numpy out. The engine reads no files but weights and part models, uses no network, and
prints nothing.
"""

from smite_engine.backbone import Backbone
from smite_engine.devices import describe_devices, describe_trackers
from smite_engine.edge_settings import EdgeSettings
from smite_engine.edges import ShotEdges
from smite_engine.frame_maps import Frame, FrameMaps, labels_at, mattes_at
from smite_engine.learn_settings import LearnSettings
from smite_engine.learner import Progress
from smite_engine.learning import learn
from smite_engine.loading import load_backbone
from smite_engine.part_model import PartModel
from smite_engine.part_set import Part, PartSet
from smite_engine.references import Reference
from smite_engine.segment import GuidanceProgress, segment
from smite_engine.segment_settings import SegmentSettings, plan
from smite_engine.shot_state import ShotState

__version__ = "0.1.0"

__all__ = [
    "Backbone",
    "EdgeSettings",
    "Frame",
    "FrameMaps",
    "GuidanceProgress",
    "LearnSettings",
    "Part",
    "PartModel",
    "PartSet",
    "Progress",
    "Reference",
    "SegmentSettings",
    "ShotEdges",
    "ShotState",
    "describe_devices",
    "describe_trackers",
    "labels_at",
    "learn",
    "load_backbone",
    "mattes_at",
    "plan",
    "segment",
]
