//! The Mach calls.

use std::ffi::c_char;

use rust::mach::{
    boolean_t, host_priv_t, host_t, kern_return_t, mach_msg_type_number_t, mach_port_name_t, mach_port_t,
    mach_vm_address_t, mach_vm_offset_t, mach_vm_read_entry_t, mach_vm_size_t, mem_entry_name_port_t,
    memory_object_offset_t, memory_object_size_t, memory_object_t, natural_t, task_t, vm_address_t,
    vm_behavior_t, vm_inherit_t, vm_machine_attribute_t, vm_machine_attribute_val_t, vm_map_read_t, vm_map_t,
    vm_offset_t, vm_prot_t, vm_read_entry_t, vm_region_flavor_t, vm_region_info_t, vm_region_recurse_info_t,
    vm_size_t, vm_sync_t,
};

mod settings;
mod variables;

export! {
    mod rust::mach {
        fn mach_vm_allocate(
            target_task: vm_map_t,
            address: *mut mach_vm_address_t,
            size: mach_vm_size_t,
            flags: i32,
        ) -> kern_return_t;
        fn vm_allocate(
            target_task: vm_map_t,
            address: *mut vm_address_t,
            size: vm_size_t,
            flags: i32,
        ) -> kern_return_t;
        fn mach_vm_deallocate(
            target: vm_map_t,
            address: mach_vm_address_t,
            size: mach_vm_size_t,
        ) -> kern_return_t;
        fn vm_deallocate(target_task: vm_map_t, address: vm_address_t, size: vm_size_t) -> kern_return_t;
        fn mach_vm_protect(
            target_task: vm_map_t,
            address: mach_vm_address_t,
            size: mach_vm_size_t,
            set_maximum: boolean_t,
            new_protection: vm_prot_t,
        ) -> kern_return_t;
        fn vm_protect(
            target_task: vm_map_t,
            address: vm_address_t,
            size: vm_size_t,
            set_maximum: boolean_t,
            new_protection: vm_prot_t,
        ) -> kern_return_t;
        fn mach_vm_inherit(
            target_task: vm_map_t,
            address: mach_vm_address_t,
            size: mach_vm_size_t,
            new_inheritance: vm_inherit_t,
        ) -> kern_return_t;
        fn vm_inherit(
            target_task: vm_map_t,
            address: vm_address_t,
            size: vm_size_t,
            new_inheritance: vm_inherit_t,
        ) -> kern_return_t;
    }
}

// Copies.
export! {
    mod rust::mach {
        fn mach_vm_copy(
            target_task: vm_map_t,
            source_address: mach_vm_address_t,
            size: mach_vm_size_t,
            dest_address: mach_vm_address_t,
        ) -> kern_return_t;
        fn vm_copy(
            target_task: vm_map_t,
            source_address: vm_address_t,
            size: vm_size_t,
            dest_address: vm_address_t,
        ) -> kern_return_t;
        fn mach_vm_read(
            target_task: vm_map_read_t,
            address: mach_vm_address_t,
            size: mach_vm_size_t,
            data: *mut vm_offset_t,
            data_cnt: *mut mach_msg_type_number_t,
        ) -> kern_return_t;
        fn vm_read(
            target_task: vm_map_read_t,
            address: vm_address_t,
            size: vm_size_t,
            data: *mut vm_offset_t,
            data_cnt: *mut mach_msg_type_number_t,
        ) -> kern_return_t;
        fn mach_vm_read_overwrite(
            target_task: vm_map_read_t,
            address: mach_vm_address_t,
            size: mach_vm_size_t,
            data: mach_vm_address_t,
            out_size: *mut mach_vm_size_t,
        ) -> kern_return_t;
        fn vm_read_overwrite(
            target_task: vm_map_read_t,
            address: vm_address_t,
            size: vm_size_t,
            data: vm_address_t,
            out_size: *mut vm_size_t,
        ) -> kern_return_t;
        fn mach_vm_read_list(
            target_task: vm_map_read_t,
            data_list: mach_vm_read_entry_t,
            count: natural_t,
        ) -> kern_return_t;
        fn vm_read_list(
            target_task: vm_map_read_t,
            data_list: vm_read_entry_t,
            count: natural_t,
        ) -> kern_return_t;
        fn mach_vm_write(
            target_task: vm_map_t,
            address: mach_vm_address_t,
            data: vm_offset_t,
            data_cnt: mach_msg_type_number_t,
        ) -> kern_return_t;
        fn vm_write(
            target_task: vm_map_t,
            address: vm_address_t,
            data: vm_offset_t,
            data_cnt: mach_msg_type_number_t,
        ) -> kern_return_t;
    }
}

// Mappings and memory entries.
export! {
    mod rust::mach {
        fn mach_vm_map(
            target_task: vm_map_t,
            address: *mut mach_vm_address_t,
            size: mach_vm_size_t,
            mask: mach_vm_offset_t,
            flags: i32,
            object: mem_entry_name_port_t,
            offset: memory_object_offset_t,
            copy: boolean_t,
            cur_protection: vm_prot_t,
            max_protection: vm_prot_t,
            inheritance: vm_inherit_t,
        ) -> kern_return_t;
        fn vm_map(
            target_task: vm_map_t,
            address: *mut vm_address_t,
            size: vm_size_t,
            mask: vm_address_t,
            flags: i32,
            object: mem_entry_name_port_t,
            offset: vm_offset_t,
            copy: boolean_t,
            cur_protection: vm_prot_t,
            max_protection: vm_prot_t,
            inheritance: vm_inherit_t,
        ) -> kern_return_t;
        fn mach_vm_remap(
            target_task: vm_map_t,
            target_address: *mut mach_vm_address_t,
            size: mach_vm_size_t,
            mask: mach_vm_offset_t,
            flags: i32,
            src_task: vm_map_t,
            src_address: mach_vm_address_t,
            copy: boolean_t,
            cur_protection: *mut vm_prot_t,
            max_protection: *mut vm_prot_t,
            inheritance: vm_inherit_t,
        ) -> kern_return_t;
        fn vm_remap(
            target_task: vm_map_t,
            target_address: *mut vm_address_t,
            size: vm_size_t,
            mask: vm_address_t,
            flags: i32,
            src_task: vm_map_t,
            src_address: vm_address_t,
            copy: boolean_t,
            cur_protection: *mut vm_prot_t,
            max_protection: *mut vm_prot_t,
            inheritance: vm_inherit_t,
        ) -> kern_return_t;
        fn mach_vm_remap_new(
            target_task: vm_map_t,
            target_address: *mut mach_vm_address_t,
            size: mach_vm_size_t,
            mask: mach_vm_offset_t,
            flags: i32,
            src_task: vm_map_read_t,
            src_address: mach_vm_address_t,
            copy: boolean_t,
            cur_protection: *mut vm_prot_t,
            max_protection: *mut vm_prot_t,
            inheritance: vm_inherit_t,
        ) -> kern_return_t;
        fn vm_remap_new(
            target_task: vm_map_t,
            target_address: *mut vm_address_t,
            size: vm_size_t,
            mask: vm_address_t,
            flags: i32,
            src_task: vm_map_read_t,
            src_address: vm_address_t,
            copy: boolean_t,
            cur_protection: *mut vm_prot_t,
            max_protection: *mut vm_prot_t,
            inheritance: vm_inherit_t,
        ) -> kern_return_t;
        fn mach_make_memory_entry_64(
            target_task: vm_map_t,
            size: *mut memory_object_size_t,
            offset: memory_object_offset_t,
            permission: vm_prot_t,
            object_handle: *mut mem_entry_name_port_t,
            parent_entry: mem_entry_name_port_t,
        ) -> kern_return_t;
        fn mach_make_memory_entry(
            target_task: vm_map_t,
            size: *mut vm_size_t,
            offset: vm_offset_t,
            permission: vm_prot_t,
            object_handle: *mut mem_entry_name_port_t,
            parent_entry: mem_entry_name_port_t,
        ) -> kern_return_t;
        fn mach_memory_object_memory_entry_64(
            host: host_t,
            internal: boolean_t,
            size: memory_object_size_t,
            permission: vm_prot_t,
            pager: memory_object_t,
            entry_handle: *mut mem_entry_name_port_t,
        ) -> kern_return_t;
        fn mach_memory_object_memory_entry(
            host: host_t,
            internal: boolean_t,
            size: vm_size_t,
            permission: vm_prot_t,
            pager: memory_object_t,
            entry_handle: *mut mem_entry_name_port_t,
        ) -> kern_return_t;
    }
}

// Questions, and how memory is used.
export! {
    mod rust::mach {
        fn mach_vm_region(
            target_task: vm_map_read_t,
            address: *mut mach_vm_address_t,
            size: *mut mach_vm_size_t,
            flavor: vm_region_flavor_t,
            info: vm_region_info_t,
            info_cnt: *mut mach_msg_type_number_t,
            object_name: *mut mach_port_t,
        ) -> kern_return_t;
        fn vm_region_64(
            target_task: vm_map_read_t,
            address: *mut vm_address_t,
            size: *mut vm_size_t,
            flavor: vm_region_flavor_t,
            info: vm_region_info_t,
            info_cnt: *mut mach_msg_type_number_t,
            object_name: *mut mach_port_t,
        ) -> kern_return_t;
        fn vm_region(
            target_task: vm_map_read_t,
            address: *mut vm_address_t,
            size: *mut vm_size_t,
            flavor: vm_region_flavor_t,
            info: vm_region_info_t,
            info_cnt: *mut mach_msg_type_number_t,
            object_name: *mut mach_port_t,
        ) -> kern_return_t;
        fn mach_vm_region_recurse(
            target_task: vm_map_read_t,
            address: *mut mach_vm_address_t,
            size: *mut mach_vm_size_t,
            nesting_depth: *mut natural_t,
            info: vm_region_recurse_info_t,
            info_cnt: *mut mach_msg_type_number_t,
        ) -> kern_return_t;
        fn vm_region_recurse_64(
            target_task: vm_map_read_t,
            address: *mut vm_address_t,
            size: *mut vm_size_t,
            nesting_depth: *mut natural_t,
            info: vm_region_recurse_info_t,
            info_cnt: *mut mach_msg_type_number_t,
        ) -> kern_return_t;
        fn mach_vm_wire(
            host_priv: host_priv_t,
            task: vm_map_t,
            address: mach_vm_address_t,
            size: mach_vm_size_t,
            desired_access: vm_prot_t,
        ) -> kern_return_t;
        fn vm_wire(
            host_priv: host_priv_t,
            task: vm_map_t,
            address: vm_address_t,
            size: vm_size_t,
            desired_access: vm_prot_t,
        ) -> kern_return_t;
        fn mach_vm_msync(
            target_task: vm_map_t,
            address: mach_vm_address_t,
            size: mach_vm_size_t,
            sync_flags: vm_sync_t,
        ) -> kern_return_t;
        fn vm_msync(
            target_task: vm_map_t,
            address: vm_address_t,
            size: vm_size_t,
            sync_flags: vm_sync_t,
        ) -> kern_return_t;
        fn mach_vm_behavior_set(
            target_task: vm_map_t,
            address: mach_vm_address_t,
            size: mach_vm_size_t,
            new_behavior: vm_behavior_t,
        ) -> kern_return_t;
        fn vm_behavior_set(
            target_task: vm_map_t,
            address: vm_address_t,
            size: vm_size_t,
            new_behavior: vm_behavior_t,
        ) -> kern_return_t;
        fn mach_vm_machine_attribute(
            target_task: vm_map_t,
            address: mach_vm_address_t,
            size: mach_vm_size_t,
            attribute: vm_machine_attribute_t,
            value: *mut vm_machine_attribute_val_t,
        ) -> kern_return_t;
        fn vm_machine_attribute(
            target_task: vm_map_t,
            address: vm_address_t,
            size: vm_size_t,
            attribute: vm_machine_attribute_t,
            value: *mut vm_machine_attribute_val_t,
        ) -> kern_return_t;
    }
}

// Names, this machine, and codes in words.
export! {
    mod rust::mach {
        fn mach_task_self() -> mach_port_t;
        fn task_for_pid(
            target_tport: mach_port_name_t,
            pid: i32,
            t: *mut mach_port_name_t,
        ) -> kern_return_t;
        fn pid_for_task(task: mach_port_name_t, pid: *mut i32) -> kern_return_t;
        fn mach_port_deallocate(task: task_t, name: mach_port_name_t) -> kern_return_t;
        fn mach_host_self() -> mach_port_t;
        fn host_page_size(host: host_t, out_page_size: *mut vm_size_t) -> kern_return_t;
        fn mach_error_string(error_value: kern_return_t) -> *mut c_char;
        fn mach_error_type(error_value: kern_return_t) -> *mut c_char;
        fn mach_error(text: *const c_char, error_value: kern_return_t);
    }
}
