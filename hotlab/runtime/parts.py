"""What a running lab is made of, put together but not started. Nothing here starts a thread or touches a device."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import attrs

from hotlab.importing import Lab
from hotlab.refreshing import Plugins, Refresher, load_plugins
from hotlab.runtime.actor import EmbeddedWorker
from hotlab.runtime.command_service import CommandService, Handler
from hotlab.runtime.configuration import LabConfig
from hotlab.runtime.device_manager import DeviceManager
from hotlab.runtime.execution import TaskRunner
from hotlab.runtime.resource_manager import ResourceManager
from hotlab.runtime.run_record import RunRecord
from hotlab.runtime.store import Store
from hotlab.runtime.stored_devices import StoredDevices
from hotlab.runtime.task_manager import TaskManager
from hotlab.watching import Watcher


@attrs.frozen(eq=False, kw_only=True)
class Parts:
    """The parts of one running lab."""

    lab: Lab
    store: Store
    run_id: str
    plugins: Plugins
    refresher: Refresher
    devices: DeviceManager
    resources: ResourceManager
    tasks: TaskManager
    worker: EmbeddedWorker
    runner: TaskRunner
    record: RunRecord
    commands: CommandService
    watcher: Watcher | None


def assemble(
    lab: Lab,
    store: Store,
    config: LabConfig,
    *,
    run_id: str,
    handlers: Mapping[str, Handler],
) -> Parts:
    """Make the parts of a lab that has been imported."""
    plugins = load_plugins()
    refresher = Refresher(lab, plugins.manager, config.refresh)
    devices = DeviceManager(StoredDevices(store))
    resources = ResourceManager(store, run_id=run_id)
    worker = EmbeddedWorker(lab.name, threads=config.broker.threads)
    tasks = TaskManager(store, lab, run_id=run_id, send=worker.send, threads=worker.threads)
    folder = f"{lab.root}{os.sep}" if lab.root.is_dir() else str(lab.root)
    return Parts(
        lab=lab,
        store=store,
        run_id=run_id,
        plugins=plugins,
        refresher=refresher,
        devices=devices,
        resources=resources,
        tasks=tasks,
        worker=worker,
        runner=TaskRunner(store, tasks, resources, devices, lab_folder=folder),
        record=RunRecord(store, refresher, run_id=run_id),
        commands=CommandService(store, run_id=run_id, handlers=handlers),
        watcher=_watcher(lab, refresher, config) if config.general.auto_refresh else None,
    )


def _watcher(lab: Lab, refresher: Refresher, config: LabConfig) -> Watcher:
    def look_again(_paths: frozenset[Path]) -> None:
        refresher.refresh("watcher", wait=False)

    return Watcher(
        [lab.root],
        on_change=look_again,
        settle=config.watching.settle,
        max_wait=config.watching.max_wait,
        ignored=[config.general.working_dir],
    )
