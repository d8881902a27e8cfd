"""The command line: `autodeal`, or `python -m autodeal_devstack`."""

from autodeal_devstack.cli.commands import main

if __name__ == "__main__":
    main()
