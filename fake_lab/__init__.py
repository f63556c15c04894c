"""A lab made of simulated hardware: an example to start from, hotlab's demo, and its test subject.

Seven instruments, five procedures. Run it with `hotlab run fake_lab`; better, copy the folder and
run the copy, then edit it while it runs.
"""

# ruff: noqa: E402
import hotlab

hotlab.enable()  # First of all, so that whatever is imported below can be reloaded.

from .devices import Balance, Diffractometer, Furnace, PowderDispenser, RobotArm
from .tasks import Heating, Measuring, Mixing, Moving, Weighing

hotlab.add_device(Furnace("furnace_1", port="sim://furnace-1"))
hotlab.add_device(Furnace("furnace_2", port="sim://furnace-2"))
hotlab.add_device(Furnace("furnace_3", port="sim://furnace-3", max_temperature=1600.0))
hotlab.add_device(Balance("balance", port="sim://balance"))
hotlab.add_device(Diffractometer("diffractometer", port="sim://diffractometer"))
hotlab.add_device(
    PowderDispenser(
        "powder_dispenser",
        port="sim://powder-dispenser",
        jars={"BaCO3": 500.0, "TiO2": 500.0, "Li2CO3": 250.0},
    )
)
hotlab.add_device(
    RobotArm(
        "robot_arm",
        port="sim://robot-arm",
        places={
            "bench": (0.0, 1.0),
            "rack": (0.5, 0.0),
            "balance": (1.0, 0.5),
            "powder_dispenser": (1.5, 0.5),
            "furnace_1": (2.0, 0.5),
            "furnace_2": (2.5, 0.5),
            "furnace_3": (3.0, 0.5),
            "diffractometer": (3.5, 0.5),
        },
    )
)

hotlab.add_standalone_sample_position(
    hotlab.SamplePosition("bench", description="Where people hand crucibles in", number=4)
)
hotlab.add_standalone_sample_position(hotlab.SamplePosition("rack", description="Where crucibles wait", number=24))

for task in (Heating, Measuring, Mixing, Moving, Weighing):
    hotlab.add_task(task)
