"""Prints the commands of a page: its blocks in the languages `sh` and `bash`.

commands.py PAGE
"""

import re
import sys
from pathlib import Path

text = Path(sys.argv[1]).read_text()
print("".join(re.findall(r"^```(?:sh|bash)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)))
