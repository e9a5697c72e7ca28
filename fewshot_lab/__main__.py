"""``python -m fewshot_lab``."""

from fewshot_lab.cli import main

if __name__ == "__main__":
    main()
