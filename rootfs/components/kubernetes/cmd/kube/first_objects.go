package main

import (
	corev1 "k8s.io/api/core/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	flowcontrol "k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap"
	"k8s.io/apiserver/pkg/registry/rest"
	scheduling "k8s.io/kubernetes/pkg/apis/scheduling/v1"
	policy "k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy"
)

// firstObject is what Kubernetes creates in an empty store, before defaults. Once stored it differs from
// what upstream stores in one thing: it has no managed fields, which tell who set what.
type firstObject struct {
	// Under the prefix of the store.
	key     string
	version schema.GroupVersion
	object  runtime.Object
}

// lastObject is the key of the object that is written last: where it is, the others are.
const lastObject = "clusterroles/cluster-admin"

// firstObjects lists what upstream creates by its hooks and controllers, the last object at the end. Each
// source is the table that the hook itself reads; what is added to an object here, the registry's strategy
// for it would add (PrepareForCreate).
func firstObjects() []firstObject {
	var list objects
	list.addNamespaces()
	list.addRoles()
	list.addPriorities()
	for i, first := range list {
		if last := len(list) - 1; first.key == lastObject {
			list[i], list[last] = list[last], first
		}
	}
	return list
}

type objects []firstObject

func (list *objects) add(version schema.GroupVersion, kind string, meta *metav1.ObjectMeta, object runtime.Object) {
	rest.FillObjectMetaSystemFields(meta)
	key := kind + "/" + meta.Name
	if meta.Namespace != "" {
		key = kind + "/" + meta.Namespace + "/" + meta.Name
	}
	*list = append(*list, firstObject{key, version, object})
}

// addNamespaces: the controller "system namespaces" (pkg/controlplane).
func (list *objects) addNamespaces() {
	for _, name := range []string{
		metav1.NamespaceDefault, metav1.NamespaceSystem, metav1.NamespacePublic, corev1.NamespaceNodeLease,
	} {
		namespace := &corev1.Namespace{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec:       corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{corev1.FinalizerKubernetes}},
		}
		list.add(corev1.SchemeGroupVersion, "namespaces", &namespace.ObjectMeta, namespace)
	}
}

// noAccount has the controllers that run nowhere without a cloud or a feature gate: upstream makes roles for
// them, but no account.
var noAccount = map[string]bool{
	"route-controller":           true,
	"service-controller":         true,
	"selinux-warning-controller": true,
}

// addRoles: the hook "rbac/bootstrap-roles" (pkg/registry/rbac/rest); and the accounts that the controllers
// of kube-controller-manager make for themselves, which are the subjects of their bindings.
func (list *objects) addRoles() {
	version := rbacv1.SchemeGroupVersion
	for _, role := range append(policy.ClusterRoles(), policy.ControllerRoles()...) {
		list.add(version, "clusterroles", &role.ObjectMeta, &role)
	}
	for _, binding := range append(policy.ClusterRoleBindings(), policy.ControllerRoleBindings()...) {
		list.add(version, "clusterrolebindings", &binding.ObjectMeta, &binding)
	}
	for _, roles := range policy.NamespaceRoles() {
		for _, role := range roles {
			// A copy: upstream keeps these in a map of its own.
			copied := role.DeepCopy()
			list.add(version, "roles", &copied.ObjectMeta, copied)
		}
	}
	for _, bindings := range policy.NamespaceRoleBindings() {
		for _, binding := range bindings {
			copied := binding.DeepCopy()
			list.add(version, "rolebindings", &copied.ObjectMeta, copied)
		}
	}
	for _, binding := range policy.ControllerRoleBindings() {
		for _, subject := range binding.Subjects {
			if noAccount[subject.Name] {
				continue
			}
			account := &corev1.ServiceAccount{
				ObjectMeta: metav1.ObjectMeta{Namespace: subject.Namespace, Name: subject.Name},
			}
			list.add(corev1.SchemeGroupVersion, "serviceaccounts", &account.ObjectMeta, account)
		}
	}
}

// addPriorities: the hooks "priority-and-fairness-config-producer" (pkg/registry/flowcontrol/rest) and
// "scheduling/bootstrap-system-priority-classes" (pkg/registry/scheduling/rest).
func (list *objects) addPriorities() {
	version := flowcontrolv1.SchemeGroupVersion
	levels := append(flowcontrol.SuggestedPriorityLevelConfigurations, flowcontrol.MandatoryPriorityLevelConfigurations...)
	for _, level := range levels {
		copied := level.DeepCopy()
		copied.Generation = 1
		list.add(version, "prioritylevelconfigurations", &copied.ObjectMeta, copied)
	}
	for _, flow := range append(flowcontrol.SuggestedFlowSchemas, flowcontrol.MandatoryFlowSchemas...) {
		copied := flow.DeepCopy()
		copied.Generation = 1
		list.add(version, "flowschemas", &copied.ObjectMeta, copied)
	}
	for _, class := range scheduling.SystemPriorityClasses() {
		class.Generation = 1
		list.add(schedulingv1.SchemeGroupVersion, "priorityclasses", &class.ObjectMeta, class)
	}
}
