"""Puts SMITE into compositing hosts, and takes it out again: what `install.py nuke, blender` do.

    systems     one machine as parameters: system, home folder, environment
    hosts       which versions of Nuke and Blender are there, and the Python of each
    wheels      pyzmq and msgpack for the Pythons of hosts, by pip
    payload     which of our own files a host gets
    blocks      marked lines in a user's file, in and out again without a trace
    record      what was put where, with checksums
    changes     all of a set of changes to folders and files, or none
    nuke, blender, bpy_environment, removal    the commands

Standard library only, Python 3.11. It lies in `tools/` because everything in `plugin/` runs inside
hosts, on their Pythons, and this never does.
"""
