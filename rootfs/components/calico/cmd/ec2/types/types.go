// Package types has the types of package ec2.
package types

// AttributeBooleanValue is a value that may be absent.
type AttributeBooleanValue struct{ Value *bool }

// Reservation of instances.
type Reservation struct{ Instances []Instance }

// Instance is a machine.
type Instance struct{ NetworkInterfaces []InstanceNetworkInterface }

// InstanceNetworkInterface is an interface of a machine.
type InstanceNetworkInterface struct {
	Attachment         *InstanceNetworkInterfaceAttachment
	NetworkInterfaceId *string
}

// InstanceNetworkInterfaceAttachment is the place of an interface.
type InstanceNetworkInterfaceAttachment struct{ DeviceIndex *int32 }
