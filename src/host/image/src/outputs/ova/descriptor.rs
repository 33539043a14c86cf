//! The OVF descriptor: the virtual machine as XML.
//!
//! The machine has EFI firmware, a pvscsi controller and a vmxnet3 adapter, which the kernel of an image has drivers
//! for. `com.vmware.guestInfo` is the transport through which nodes read user-data.

/// What the descriptor states.
#[derive(Clone, Copy, Debug)]
pub(super) struct Machine<'a> {
    /// Name of the machine: letters, digits and `-`, so nothing in it is special in XML.
    pub name: &'a str,
    /// Name of the VMDK, made from the same characters and `.`.
    pub vmdk: &'a str,
    /// Length of the VMDK in bytes.
    pub vmdk_bytes: u64,
    /// Length of the disk in bytes.
    pub disk_bytes: u64,
}

/// Processors and MiB of memory of the machine, the defaults of `ironhull run`.
const PROCESSORS: u32 = 2;
const MEMORY_MIB: u32 = 4096;

/// The namespaces of DSP0243 and of VMware's extensions.
const NAMESPACES: &str = "\
xmlns=\"http://schemas.dmtf.org/ovf/envelope/1\" \
xmlns:ovf=\"http://schemas.dmtf.org/ovf/envelope/1\" \
xmlns:rasd=\"http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData\" \
xmlns:vssd=\"http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData\" \
xmlns:vmw=\"http://www.vmware.com/schema/ovf\"";
/// The format of the disk.
const FORMAT: &str = "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized";

/// Returns the descriptor.
pub(super) fn text(machine: &Machine<'_>) -> String {
    let Machine { name, vmdk, vmdk_bytes, disk_bytes } = machine;
    let hardware = hardware(name);
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<Envelope {NAMESPACES}>
  <References>
    <File ovf:href="{vmdk}" ovf:id="file1" ovf:size="{vmdk_bytes}"/>
  </References>
  <DiskSection>
    <Info>The disks</Info>
    <Disk ovf:capacity="{disk_bytes}" ovf:capacityAllocationUnits="byte" ovf:diskId="disk1" ovf:fileRef="file1" ovf:format="{FORMAT}"/>
  </DiskSection>
  <NetworkSection>
    <Info>The networks</Info>
    <Network ovf:name="VM Network">
      <Description>The network of the node</Description>
    </Network>
  </NetworkSection>
  <VirtualSystem ovf:id="{name}">
    <Info>An Ironhull node</Info>
    <Name>{name}</Name>
    <OperatingSystemSection ovf:id="101" vmw:osType="other4xLinux64Guest">
      <Info>The operating system</Info>
    </OperatingSystemSection>
{hardware}  </VirtualSystem>
</Envelope>
"#
    )
}

/// Returns the section with the hardware.
fn hardware(name: &str) -> String {
    let items: String = [
        item(&[
            ("AllocationUnits", "hertz * 10^6"),
            ("ElementName", "Processors"),
            ("InstanceID", "1"),
            ("ResourceType", "3"),
            ("VirtualQuantity", &PROCESSORS.to_string()),
        ]),
        item(&[
            ("AllocationUnits", "byte * 2^20"),
            ("ElementName", "Memory"),
            ("InstanceID", "2"),
            ("ResourceType", "4"),
            ("VirtualQuantity", &MEMORY_MIB.to_string()),
        ]),
        item(&[
            ("Address", "0"),
            ("ElementName", "SCSI controller"),
            ("InstanceID", "3"),
            ("ResourceSubType", "VirtualSCSI"),
            ("ResourceType", "6"),
        ]),
        item(&[
            ("AddressOnParent", "0"),
            ("ElementName", "Disk"),
            ("HostResource", "ovf:/disk/disk1"),
            ("InstanceID", "4"),
            ("Parent", "3"),
            ("ResourceType", "17"),
        ]),
        item(&[
            ("AddressOnParent", "7"),
            ("AutomaticAllocation", "true"),
            ("Connection", "VM Network"),
            ("ElementName", "Network adapter"),
            ("InstanceID", "5"),
            ("ResourceSubType", "VmxNet3"),
            ("ResourceType", "10"),
        ]),
    ]
    .concat();
    format!(
        r#"    <VirtualHardwareSection ovf:transport="com.vmware.guestInfo">
      <Info>The hardware</Info>
      <System>
        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>{name}</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>vmx-15</vssd:VirtualSystemType>
      </System>
{items}      <vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="efi"/>
      <vmw:ExtraConfig ovf:required="false" vmw:key="disk.EnableUUID" vmw:value="TRUE"/>
    </VirtualHardwareSection>
"#
    )
}

/// Returns an item of hardware; its elements must be in alphabetical order, as in the schema.
fn item(elements: &[(&str, &str)]) -> String {
    let element = |(name, value): &(&str, &str)| format!("        <rasd:{name}>{value}</rasd:{name}>\n");
    let elements: String = elements.iter().map(element).collect();
    format!("      <Item>\n{elements}      </Item>\n")
}
