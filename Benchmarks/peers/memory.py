"""What this process holds, in bytes."""


def resident() -> int:
    return _value("VmRSS:")


def peak() -> int:
    return _value("VmHWM:")


def _value(key: str) -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(key))
