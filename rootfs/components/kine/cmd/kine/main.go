// Command kine is kine; with an order as first argument it is a tool for its database instead (order.go).
package main

import (
	"context"
	"errors"
	"os"

	"github.com/sirupsen/logrus"

	"github.com/k3s-io/kine/pkg/app"
)

func main() {
	if len(os.Args) > 1 {
		if order, found := orders[os.Args[1]]; found {
			os.Exit(run(os.Args[1], order, os.Args[2:]))
		}
	}
	if err := app.New().Run(os.Args); err != nil && !errors.Is(err, context.Canceled) {
		logrus.Fatal(err)
	}
}
