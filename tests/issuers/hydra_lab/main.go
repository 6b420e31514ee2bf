// Ory Hydra's own command line. A program of its own, since `go install` refuses modules that
// replace others, as Hydra's does.
package main

import "github.com/ory/hydra/v2/cmd"

func main() { cmd.Execute() }
