package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emicklei/go-restful/v3"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/mux"
	"k8s.io/apiserver/pkg/server/routes"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/kube-openapi/pkg/builder"
	"k8s.io/kube-openapi/pkg/cached"
	openapi "k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/common/restfuladapter"
	"k8s.io/kube-openapi/pkg/handler"
	"k8s.io/kube-openapi/pkg/handler3"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// Where the documents are, as upstream has them.
const (
	openAPIV2 = "/openapi/v2"
	openAPIV3 = "/openapi/v3"
)

// installOpenAPI serves the OpenAPI documents of Kubernetes' own API, each made when it is first asked for.
//
// Upstream makes all of them before it serves anything: a quarter of the processor time of a start, and 50 MB
// for as long as it runs. On a new node nobody asks; kubectl, Helm and mutating admission policies do.
func installOpenAPI(delegate genericapiserver.DelegationTarget, config *genericapiserver.Config) error {
	server, known := delegate.(*genericapiserver.GenericAPIServer)
	if !known {
		return fmt.Errorf("the server of Kubernetes' own API is a %T", delegate)
	}
	if config.OpenAPIConfig != nil {
		installOpenAPIV2(server, config.OpenAPIConfig)
	}
	if config.OpenAPIV3Config != nil {
		return installOpenAPIV3(server, *config.OpenAPIV3Config)
	}
	return nil
}

// installOpenAPIV2 does what routes.OpenAPI.InstallV2 does, later.
func installOpenAPIV2(server *genericapiserver.GenericAPIServer, config *openapi.Config) {
	services := server.Handler.GoRestfulContainer.RegisteredWebServices()
	document := func() (*spec.Swagger, string, error) {
		swagger, err := builder.BuildOpenAPISpecFromRoutes(restfuladapter.AdaptWebServices(services), config)
		if err != nil {
			return nil, "", err
		}
		swagger.Definitions = handler.PruneDefaults(swagger.Definitions)
		return swagger, "never changes", nil
	}
	service := handler.NewOpenAPIServiceLazy(cached.Once(cached.Func(document)))
	service.RegisterOpenAPIVersionedService(openAPIV2, server.Handler.NonGoRestfulMux)
}

// installOpenAPIV3 installs the list of documents, one for each version of a group, and the documents.
//
// The aggregator asks for the list each second. In upstream's list a document's address has the hash of its
// content, so that clients can keep it for good; here, that of what all documents are made from.
func installOpenAPIV3(server *genericapiserver.GenericAPIServer, config openapi.OpenAPIV3Config) error {
	services := server.Handler.GoRestfulContainer.RegisteredWebServices()
	hash, err := openAPIHash(services, config)
	if err != nil {
		return err
	}
	// Upstream's builder changes definitions while it makes a document of them. Each has its own.
	config.Definitions = nil
	list := handler3.OpenAPIV3Discovery{Paths: map[string]handler3.OpenAPIV3DiscoveryGroupVersion{}}
	documents := map[string]func() http.Handler{}
	for _, service := range services {
		address := path.Join(openAPIV3, service.RootPath())
		version := strings.TrimPrefix(service.RootPath(), "/")
		list.Paths[version] = handler3.OpenAPIV3DiscoveryGroupVersion{ServerRelativeURL: address + "?hash=" + hash}
		documents[address] = sync.OnceValue(func() http.Handler { return openAPIV3Document(service, config) })
	}
	data, err := json.Marshal(list)
	if err != nil {
		return err
	}
	outer := server.Handler.NonGoRestfulMux
	outer.HandleFunc(openAPIV3, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(data) // Who asked is gone.
	})
	outer.HandlePrefix(openAPIV3+"/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		document, known := documents[r.URL.Path]
		if !known {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if r.URL.Query().Get("hash") == hash {
			// Upstream's handler would send the client on to an address with its own hash.
			w, r = lasting{w}, r.Clone(r.Context())
			r.URL.RawQuery = ""
		}
		document().ServeHTTP(w, r)
	}))
	return nil
}

// openAPIV3Document makes the document of a service, and returns what serves it.
func openAPIV3Document(service *restful.WebService, config openapi.OpenAPIV3Config) http.Handler {
	container, serve := restful.NewContainer(), mux.NewPathRecorderMux("openapi")
	container.Add(service)
	routes.OpenAPI{V3Config: &config}.InstallV3(container, serve)
	return serve
}

// lasting is an answer that clients may keep for good, if it is one.
type lasting struct{ http.ResponseWriter }

func (w lasting) WriteHeader(status int) {
	if status == http.StatusOK || status == http.StatusNotModified {
		// As upstream says it of an address with a hash.
		w.Header().Set("Cache-Control", "public, immutable")
		w.Header().Set("Expires", time.Now().AddDate(1, 0, 0).UTC().Format(http.TimeFormat))
	}
	w.ResponseWriter.WriteHeader(status)
}

// openAPIHash returns a hash of what the documents are made from: the versions of all modules, the feature
// gates, the routes, and what the config says of version and authentication.
func openAPIHash(services []*restful.WebService, config openapi.OpenAPIV3Config) (string, error) {
	build, known := debug.ReadBuildInfo()
	if !known {
		return "", errors.New("this program does not know its modules")
	}
	told, err := json.Marshal([]any{config.SecuritySchemes, config.Info})
	if err != nil {
		return "", err
	}
	parts := []string{build.String(), string(told)}
	for gate := range utilfeature.DefaultMutableFeatureGate.GetAll() {
		parts = append(parts, fmt.Sprintf("%s=%t", gate, utilfeature.DefaultFeatureGate.Enabled(gate)))
	}
	for _, service := range services {
		for _, route := range service.Routes() {
			parts = append(parts, route.Method+" "+route.Path)
		}
	}
	slices.Sort(parts)
	return fmt.Sprintf("%X", sha256.Sum256([]byte(strings.Join(parts, "\n")))), nil
}
