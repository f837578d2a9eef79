"""`python -m wattwarden` is the program `wattwarden`."""

import sys

from wattwarden.tools.main import main

sys.exit(main())
