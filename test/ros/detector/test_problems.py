"""Problems of a camera are told once, and what images name fills neither log nor memory."""

from damage_perception.ros.detector.problems import Problems


def test_a_problem_is_told_once_until_the_camera_is_well():
    told = []
    problems = Problems(told.append)
    for pixels in (1, 2, 3):
        problems.note("top", ValueError(f"{pixels} bytes are missing"))
    assert told == ["camera top: 1 bytes are missing"]
    assert problems.of("top") == "3 bytes are missing"
    problems.clear("top")
    assert problems.of("top") == ""
    problems.note("top", ValueError("4 bytes are missing"))
    assert len(told) == 2


def test_a_camera_with_ever_new_problems_fills_no_log():
    told = []
    problems = Problems(told.append)
    for number in range(1000):
        problems.note("top", ValueError(f"encoding {chr(0x4E00 + number)} {'x' * 10_000}"))
    assert len(told) == 20 and max(map(len, told)) < 600
    assert problems.of("top").startswith(f"encoding {chr(0x4E00 + 999)}")
