// weirctl: see README.md beside it.
#include "control/cli/command_line.h"

int main(int argc, char** argv) { return weir::control::cli::RunCommandLine(argc, argv); }
