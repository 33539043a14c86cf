// Command containerd is the daemon and, called by the name ctr (a symbolic link), its command line.
//
// One binary is 22 MB smaller than two: nearly all that ctr is made of is in the daemon as well. The
// shim stays alone, since one runs for each pod and should hold no more than it needs. The two branches
// do what the upstream main packages do.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	_ "github.com/containerd/containerd/v2/cmd/containerd/builtins"
	"github.com/containerd/containerd/v2/cmd/containerd/command"
	ctr "github.com/containerd/containerd/v2/cmd/ctr/app"
)

func main() {
	name, app := "containerd", command.App
	if filepath.Base(os.Args[0]) == "ctr" {
		name, app = "ctr", ctr.New
	}
	if err := app().Run(context.Background(), os.Args); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
}
