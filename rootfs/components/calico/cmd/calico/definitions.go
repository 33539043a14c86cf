package main

import (
	"encoding/json"
	"io"

	"sigs.k8s.io/yaml"

	"github.com/projectcalico/calico/libcalico-go/config"
)

// definitions writes the custom resource definitions, without their descriptions, which are most of their length.
func definitions(to io.Writer) error {
	files, err := config.CRDFiles.ReadDir("crd")
	if err != nil {
		return err
	}
	var all []any
	for _, file := range files {
		text, err := config.CRDFiles.ReadFile("crd/" + file.Name())
		if err != nil {
			return err
		}
		var definition map[string]any
		if err := yaml.Unmarshal(text, &definition); err != nil {
			return err
		}
		delete(definition, "status")
		all = append(all, plain(definition))
	}
	return json.NewEncoder(to).Encode(all)
}

// plain removes the descriptions. A property of this name is a map, not a text.
func plain(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, field := range value {
			if _, isText := field.(string); key == "description" && isText {
				delete(value, key)
			} else {
				value[key] = plain(field)
			}
		}
	case []any:
		for i := range value {
			value[i] = plain(value[i])
		}
	}
	return value
}
