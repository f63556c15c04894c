"""Tells people how a refresh of a lab came out: by e-mail, Slack and whatever apprise reaches.

Nothing here is for labs to call: installed, it is found by hotlab. See `hotlab_notify.plugin`.
Importing this package loads neither apprise nor hotlab, and starts nothing.
"""

from __future__ import annotations
