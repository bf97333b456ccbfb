"""Jobs of downloading shards, made the same way whether one command downloads one shard or a fleet downloads all."""

from __future__ import annotations
