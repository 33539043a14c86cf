// Command containerd is the daemon and, called by the name ctr (a symbolic link), its command line. Called by the name
// import-images, it makes the container images in a directory known to the daemon (images.go).
//
// One binary is 22 MB smaller than two: nearly all that ctr is made of is in the daemon as well. The
// shim stays alone, since one runs for each pod and should hold no more than it needs. The first two
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
	if filepath.Base(os.Args[0]) == "import-images" && len(os.Args) == 2 {
		if err := importImages(os.Args[1]); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, "import-images:", err)
			os.Exit(1)
		}
		return
	}
	name, app := "containerd", command.App
	if filepath.Base(os.Args[0]) == "ctr" {
		name, app = "ctr", ctr.New
	}
	if err := app().Run(context.Background(), os.Args); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
}
