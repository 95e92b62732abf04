"""The table of sentences: what an artist reads, why it comes about, and what to do.

Every sentence says what is wrong, where, and what would be right, in the words of a host: nodes,
knobs and the preferences panel, no commands. The page `docs/troubleshooting.md` is made from this
table, and a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Tuple


@dataclass(frozen=True)
class Sentence:
    """One situation: the sentence with its ``{fields}``, and for the page why and what to do."""

    key: str
    text: str
    why: str
    remedy: str


_ALL: Tuple[Sentence, ...] = (
    Sentence(
        "server_unreachable",
        "No SMITE server answers at {server}: it is not running, or the address in the SMITE"
        " preferences is another one.",
        "Nothing listens at this address, or a firewall is in between.",
        "Ask whether the server runs (`smite serve`), and compare the address in the SMITE"
        " preferences with the one it prints when it starts.",
    ),
    Sentence(
        "server_unreachable_with_key",
        "No SMITE server answers at {server} to the key {key_file}: it is not running, or the key"
        " file in the SMITE preferences is for another server.",
        "A server with keys is silent to those that do not hold its public key.",
        "Ask whether the server runs; if it does, ask for a new key file (`smite keys user NAME`).",
    ),
    Sentence(
        "key_needed",
        "The server {server} is on another machine and needs a key file: name it in the SMITE"
        " preferences.",
        "Without keys only servers on this machine are used.",
        "Ask for your key file (`smite keys user NAME` makes one) and give it as `key`.",
    ),
    Sentence(
        "wrong_key",
        "The SMITE server at {server} does not know the key {key_file}: ask for one that it knows,"
        " and name it in the SMITE preferences.",
        "The server's list of allowed keys has not got yours, or it was taken off.",
        "Ask for a key file (`smite keys user NAME`).",
    ),
    Sentence(
        "bad_key_file",
        "The key file in the SMITE preferences cannot be used: {detail}",
        "The file is missing, damaged, or can be read by others.",
        "Do what the sentence says, or ask for a new key file.",
    ),
    Sentence(
        "server_lost",
        "The SMITE server at {server} has stopped answering; press the button again when it is"
        " back, and the job goes on where it was.",
        "The server was stopped, its machine went down, or the network broke.",
        "Ask whether the server runs. Jobs and finished mattes are kept on its disk.",
    ),
    Sentence(
        "version_mismatch",
        "This plugin and the SMITE server at {server} are of different versions: {detail}",
        "One of the two was updated and the other was not.",
        "Install the same release on both.",
    ),
    Sentence(
        "job_forgotten",
        "The SMITE server at {server} does not know the job {job} any more; press the button again"
        " to make it anew.",
        "The server was started with another home folder, or old jobs were cleared.",
        "Press the button again.",
    ),
    Sentence(
        "job_stopped",
        "The job was stopped from outside ({detail}); press the button again, and it goes on where"
        " it was.",
        "The server or its worker process ended while the job ran.",
        "Press the button again; what was finished is kept.",
    ),
    Sentence(
        "unsaved_script",
        "The script has no name yet, so the shot has none either: save the script, or type the"
        " shot's name on the node.",
        "The shot's name comes from the script's name.",
        "Save the script under the studio's naming, or fill in the shot knob.",
    ),
    Sentence(
        "no_shot_in_name",
        "The script's name {script} does not fit the shot pattern {pattern}: save it as the studio"
        " names scripts, or type the shot's name on the node.",
        "The preference `shot_pattern` finds the shot in the script's path.",
        "Rename the script, fill in the shot knob, or have the pattern corrected.",
    ),
    Sentence(
        "bad_shot_pattern",
        "The preference shot_pattern cannot be used ({detail}): write a regular expression with"
        " named groups such as (?P<shot>...).",
        "The pattern is not valid, or has no group that `shot_name` asks for.",
        "Correct `shot_pattern` or `shot_name` in the studio's configuration file.",
    ),
    Sentence(
        "bad_shot_name",
        "The shot's name {shot} cannot be part of file names: use letters, digits, '_', '-' and"
        " '.'.",
        "The name goes into folders and files of the mattes.",
        "Type another name in the shot knob.",
    ),
    Sentence(
        "bad_range",
        "{range} is no frame range: write for example 1001-1100, or 1-10x2, or 1-5 8 10.",
        "The text in the frame range knob cannot be read.",
        "Correct it.",
    ),
    Sentence(
        "no_frames",
        "There is no frame to work on: {detail}.",
        "The range is empty, or no frame of it is in the plate.",
        "Give a range that lies in the plate's own.",
    ),
    Sentence(
        "too_many_frames",
        "The range {range} has {count} frames, and {most} are the most of one job here: give a"
        " shorter range, or raise most_frames in the SMITE preferences.",
        "A guard against a range with a digit too many; long shots are possible.",
        "Split the range, or raise `most_frames`.",
    ),
    Sentence(
        "no_plate",
        "{node} has no plate: connect the shot's Read node to it.",
        "Nothing is connected to the plate input.",
        "Connect it.",
    ),
    Sentence(
        "plate_missing",
        "The plate {path} cannot be seen from this machine: {detail}.",
        "The files are not where the node says, or the share is not mounted.",
        "Correct the path, or mount the share.",
    ),
    Sentence(
        "path_not_visible",
        "Neither this machine nor the SMITE server can read {path}: see whether it exists, and"
        " whether the path map in the SMITE preferences covers it.",
        "The server runs on another machine and knows this folder by another name, or not at all.",
        "Correct the path, or add a pair (folder here, folder on the server) to `path_map`.",
    ),
    Sentence(
        "no_out",
        "{node} has no folder for the mattes: fill in the output knob, or save the script.",
        "The output folder is made from the script's folder.",
        "Save the script, or name a folder.",
    ),
    Sentence(
        "no_model",
        "{node} has no part model: choose one, or learn it with SMITE_Learn.",
        "Mattes are made with a part model.",
        "Press the list button of the model knob, or connect and run SMITE_Learn.",
    ),
    Sentence(
        "unknown_model",
        "The server does not have this part model: {detail}",
        "It was learned on another server, renamed, or deleted.",
        "Press choose... beside the part model, or learn it with SMITE_Learn.",
    ),
    Sentence(
        "bad_model_name",
        "{name} cannot name a part model: use letters, digits, '_', '-' and '.', at most 64.",
        "The name becomes a file on the server.",
        "Type another name.",
    ),
    Sentence(
        "no_references",
        "{node} has no references: connect at least one SMITE_Reference to it.",
        "A part model is learned from stills with painted parts.",
        "Connect a SMITE_Reference.",
    ),
    Sentence(
        "reference_without_image",
        "{node} has no picture: connect the still to its image input.",
        "The image input is empty.",
        "Connect it.",
    ),
    Sentence(
        "reference_without_parts",
        "{node} has no part: connect a roto to a part input and name the part.",
        "A reference without a painted part teaches nothing.",
        "Connect a roto, and name it.",
    ),
    Sentence(
        "part_without_name",
        "{node} has a roto without a name at input {input}: name the part on the node.",
        "Parts are told apart by their names.",
        "Name it.",
    ),
    Sentence(
        "bad_part_name",
        "The part name {name} cannot be used: begin with a letter from a to z and use letters,"
        " digits and spaces; {reserved} are taken.",
        "Names become layers and files.",
        "Type another name.",
    ),
    Sentence(
        "part_twice",
        "{node} has the part {name} twice: give every part a name of its own.",
        "Two parts of one name would be one.",
        "Rename one of them.",
    ),
    Sentence(
        "empty_part",
        "A part is not painted where it should be: {detail}",
        "The matte of the part is black on the still, or at another frame than the roto's.",
        "Look at the roto at the reference's frame; disconnect parts that the still does not show.",
    ),
    Sentence(
        "bad_references",
        "The references cannot be used: {detail}",
        "A still and its mattes do not fit together.",
        "Do what the sentence says; a reference is rendered at the format of its picture.",
    ),
    Sentence(
        "bad_plate",
        "The plate cannot be used: {detail}",
        "A frame is missing, broken, or of another size than the others.",
        "Do what the sentence says.",
    ),
    Sentence(
        "bad_colour",
        "The plate's colour space cannot be used: {detail}",
        "The server's OpenColorIO config does not know the name.",
        "Choose a colour space on the node, or give the server the studio's config.",
    ),
    Sentence(
        "bad_template",
        "The file names of the mattes cannot be made: {detail}",
        "The output template has a field that is not known, or lacks one that is needed.",
        "Correct `template` in the SMITE preferences or on the node.",
    ),
    Sentence(
        "render_failed",
        "{node} could not be rendered at frame {frame}: {detail}",
        "An upstream node has an error.",
        "View the node at this frame, and repair what the viewer says.",
    ),
    Sentence(
        "render_cancelled",
        "Rendering was cancelled; nothing was sent to the server.",
        "Cancel was pressed while references or frames were rendered.",
        "Press the button again.",
    ),
    Sentence(
        "disk_full",
        "The disk is full: {detail}",
        "No space is left for mattes or for what is sent.",
        "Make room and press the button again; what was finished is kept.",
    ),
    Sentence(
        "out_of_memory",
        "The server's graphics card has too little memory for this plate: {detail}",
        "Smaller windows were tried already.",
        "Use the quality draft, or a proxy.",
    ),
    Sentence(
        "worker_died",
        "The server's worker process ended in the middle of the job ({detail}); press the button"
        " again, and it goes on where it was.",
        "A fault of a driver, or somebody ended the process.",
        "Press the button again; tell whoever looks after the server if it happens twice.",
    ),
    Sentence(
        "still_running",
        "{node} is at work already: cancel it first.",
        "One node has one job at a time.",
        "Press Cancel, or wait.",
    ),
    Sentence(
        "nothing_to_cancel",
        "{node} has no job to cancel.",
        "The job has ended.",
        "Nothing.",
    ),
    Sentence(
        "nothing_to_reload",
        "{node} has no mattes yet: press Generate.",
        "No job of this node has made mattes.",
        "Press Generate.",
    ),
    Sentence(
        "no_version",
        "{node} has no {which} version on the disk.",
        "Versions are looked for beside the mattes that are shown.",
        "Press Generate to make the next one.",
    ),
    Sentence(
        "nothing_to_pick",
        "{node} has no parts to pick from: connect it below a SMITE_Mattes that has mattes.",
        "The list of parts comes from the SMITE_Mattes above.",
        "Connect it, and press Generate there.",
    ),
    Sentence(
        "too_many_picks",
        "{node} has places for {most} parts: put another SMITE_Pick below it for more.",
        "The node's inside is fixed, so that it works without the plugin.",
        "Use another SMITE_Pick, and merge the two.",
    ),
    Sentence(
        "nothing_to_fix",
        "There is nothing to fix on {node} yet: {detail}.",
        "A fix needs mattes, a part, a frame of the plate and a corrected roto.",
        "Generate first, choose the part, and connect the corrected roto.",
    ),
    Sentence(
        "references_gone",
        "The references of the part model {model} are not on this machine any more: run"
        " SMITE_Learn again with the corrected frame as a further SMITE_Reference.",
        "A fix learns from the old references and the new one; their files were removed.",
        "Learn again from the nodes.",
    ),
    Sentence(
        "farm_not_yet",
        "Sending to the farm is not possible in this version: press Generate, or run the batch"
        " mode of the plugin.",
        "The farm side does not exist yet.",
        "`python -m smite_nuke.batch` in `nuke -t` does the same without a window.",
    ),
    Sentence(
        "bad_preferences",
        "The SMITE preferences cannot be used: {detail}",
        "A preferences file, the studio's or your own, or an environment variable is wrong.",
        "Correct what the sentence names.",
    ),
    Sentence(
        "limited_edition",
        "This edition of Nuke lets Python reach 10 nodes at a time: give {node} fewer references,"
        " or references with fewer parts.",
        "Non-commercial and Indie editions have this limit.",
        "Learn with fewer references at once, or from the command line.",
    ),
    Sentence(
        "limit_reached",
        "The server takes no further job from you at present: {detail}",
        "A limit per user is reached.",
        "Wait until one of your jobs has ended.",
    ),
    Sentence(
        "other",
        "{detail}",
        "Everything else that the server or the system says.",
        "Do what the sentence says; the log (menu SMITE > Open log) has more.",
    ),
    Sentence(
        "fault",
        "Something went wrong inside the SMITE plugin ({detail}); the log has the details: menu"
        " SMITE > Open log.",
        "A mistake in the plugin.",
        "Send the log to whoever looks after the plugin.",
    ),
)

TABLE: Dict[str, Sentence] = {sentence.key: sentence for sentence in _ALL}
"""Every sentence by its key."""
