// weirctl's arguments: what there is, what each wants, and which command they name.
#pragma once

namespace weir::control::cli {

// Parses, runs, and returns the exit code.
int RunCommandLine(int argc, char** argv);

}  // namespace weir::control::cli
