"""``python -m glasscast`` is the program."""

from glasscast.cli import main

if __name__ == "__main__":
    main()
