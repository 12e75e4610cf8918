"""python -m damage_perception.cli"""

from damage_perception.cli.main import main

main()
