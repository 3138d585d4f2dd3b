"""Attack 37: names that are one name to somebody who folds case or composes characters."""
import os

for name in ("report.txt", "Report.txt", "REPORT.TXT", "caf\u00e9.txt", "cafe\u0301.txt", "\ufb01.txt",
             "fi.txt",
             "stra\u00dfe.txt", "strasse.txt", "STRASSE.txt", "\u212a.txt", "K.txt", "k.txt", "i.txt",
             "\u0131.txt",
             "I.txt", "\u0130.txt", "dir/x.txt", "Dir/x.txt", "DIR/X.txt"):
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    with open(name, "x") as file:
        file.write(name.encode().hex())
