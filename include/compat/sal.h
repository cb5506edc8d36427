/*
 * Annotations of arguments, all defined away: a source that has them compiles, and nothing is checked.
 *
 * The oldest ones (__in, __out, __inout, ...) are names that the C++ library uses inside; in C++ they are defined only
 * when the source asks with PAGEWRIGHT_OLD_SAL, and then after its C++ headers.
 */
#ifndef PW_SAL_H
#define PW_SAL_H

#define _Analysis_noreturn_
#define _Callback_
#define _Check_return_
#define _COM_Outptr_
#define _COM_Outptr_opt_
#define _COM_Outptr_result_maybenull_
#define _Const_
#define _Deref_inout_
#define _Deref_inout_z_
#define _Deref_opt_out_
#define _Deref_opt_out_opt_
#define _Deref_out_
#define _Deref_out_opt_
#define _Deref_out_z_
#define _Deref_post_z_
#define _Deref_pre_z_
#define _Deref_ret_z_
#define _Enum_is_bitflag_
#define _Field_z_
#define _Format_string_
#define _Frees_ptr_
#define _Frees_ptr_opt_
#define _In_
#define _In_opt_
#define _In_opt_z_
#define _In_z_
#define _Inout_
#define _Inout_opt_
#define _Inout_opt_z_
#define _Inout_z_
#define _Inref_
#define _Interlocked_operand_
#define _IRQL_requires_same_
#define _Literal_
#define _Maybe_raises_SEH_exception_
#define _Maybenull_
#define _Must_inspect_result_
#define _NLS_string_
#define _Notliteral_
#define _Notnull_
#define _Notref_
#define _Notvalid_
#define _Null_
#define _Null_terminated_
#define _NullNull_terminated_
#define _Out_
#define _Out_opt_
#define _Outptr_
#define _Outptr_opt_
#define _Outptr_opt_result_maybenull_
#define _Outptr_opt_result_nullonfailure_
#define _Outptr_opt_result_z_
#define _Outptr_result_maybenull_
#define _Outptr_result_maybenull_z_
#define _Outptr_result_nullonfailure_
#define _Outptr_result_z_
#define _Outref_
#define _Outref_result_maybenull_
#define _Points_to_data_
#define _Post_defensive_
#define _Post_invalid_
#define _Post_maybenull_
#define _Post_notnull_
#define _Post_null_
#define _Post_ptr_invalid_
#define _Post_valid_
#define _Post_z_
#define _Pre_defensive_
#define _Pre_invalid_
#define _Pre_maybenull_
#define _Pre_notnull_
#define _Pre_null_
#define _Pre_opt_valid_
#define _Pre_readonly_
#define _Pre_unknown_
#define _Pre_valid_
#define _Pre_writeonly_
#define _Pre_z_
#define _Prepost_opt_z_
#define _Prepost_z_
#define _Printf_format_string_
#define _Raises_SEH_exception_
#define _Readable_
#define _Reserved_
#define _Result_nullonfailure_
#define _Result_zeroonfailure_
#define _Ret_maybenull_
#define _Ret_maybenull_z_
#define _Ret_notnull_
#define _Ret_null_
#define _Ret_opt_
#define _Ret_opt_z_
#define _Ret_valid_
#define _Ret_z_
#define _Scanf_format_string_
#define _Scanf_s_format_string_
#define _Strict_type_match_
#define _Use_decl_annotations_
#define _Valid_

#define _Acquires_exclusive_lock_(what)
#define _Acquires_lock_(what)
#define _Acquires_shared_lock_(what)
#define _Analysis_assume_(what)
#define _Analysis_assume_nullterminated_(what)
#define _At_(target, annotation)
#define _At_buffer_(target, index, bound, annotation)
#define _Deprecated_(what)
#define _Deref_in_range_(low, high)
#define _Deref_inout_range_(low, high)
#define _Deref_out_range_(low, high)
#define _Deref_post_range_(low, high)
#define _Deref_pre_range_(low, high)
#define _Deref_ret_range_(low, high)
#define _Field_range_(low, high)
#define _Field_size_(size)
#define _Field_size_bytes_(size)
#define _Field_size_bytes_full_(size)
#define _Field_size_bytes_opt_(size)
#define _Field_size_bytes_part_(size, count)
#define _Field_size_bytes_part_opt_(size, count)
#define _Field_size_full_(size)
#define _Field_size_opt_(size)
#define _Field_size_part_(size, count)
#define _Field_size_part_opt_(size, count)
#define _Function_class_(what)
#define _Group_(what)
#define _Guarded_by_(what)
#define _In_bytecount_(size)
#define _In_bytecount_c_(size)
#define _In_count_(size)
#define _In_count_c_(size)
#define _In_opt_bytecount_(size)
#define _In_opt_bytecount_c_(size)
#define _In_opt_count_(size)
#define _In_opt_count_c_(size)
#define _In_opt_reads_(size)
#define _In_opt_reads_bytes_(size)
#define _In_opt_reads_or_z_(size)
#define _In_opt_reads_to_ptr_(end)
#define _In_opt_reads_to_ptr_z_(end)
#define _In_opt_reads_z_(size)
#define _In_range_(low, high)
#define _In_reads_(size)
#define _In_reads_bytes_(size)
#define _In_reads_or_z_(size)
#define _In_reads_to_ptr_(end)
#define _In_reads_to_ptr_z_(end)
#define _In_reads_z_(size)
#define _Inout_bytecap_(size)
#define _Inout_bytecount_(size)
#define _Inout_bytecount_c_(size)
#define _Inout_cap_(size)
#define _Inout_count_(size)
#define _Inout_count_c_(size)
#define _Inout_opt_bytecap_(size)
#define _Inout_opt_bytecount_(size)
#define _Inout_opt_bytecount_c_(size)
#define _Inout_opt_cap_(size)
#define _Inout_opt_count_(size)
#define _Inout_opt_count_c_(size)
#define _Inout_opt_updates_(size)
#define _Inout_opt_updates_all_(size)
#define _Inout_opt_updates_bytes_(size)
#define _Inout_opt_updates_bytes_all_(size)
#define _Inout_opt_updates_bytes_to_(size, count)
#define _Inout_opt_updates_to_(size, count)
#define _Inout_opt_updates_z_(size)
#define _Inout_opt_z_cap_(size)
#define _Inout_range_(low, high)
#define _Inout_updates_(size)
#define _Inout_updates_all_(size)
#define _Inout_updates_bytes_(size)
#define _Inout_updates_bytes_all_(size)
#define _Inout_updates_bytes_to_(size, count)
#define _Inout_updates_to_(size, count)
#define _Inout_updates_z_(size)
#define _Inout_z_cap_(size)
#define _IRQL_raises_(what)
#define _IRQL_requires_(what)
#define _IRQL_requires_max_(what)
#define _IRQL_requires_min_(what)
#define _On_failure_(what)
#define _Out_bytecap_(size)
#define _Out_bytecap_c_(size)
#define _Out_bytecap_post_bytecount_(size, count)
#define _Out_cap_(size)
#define _Out_cap_c_(size)
#define _Out_cap_post_count_(size, count)
#define _Out_opt_bytecap_(size)
#define _Out_opt_bytecap_c_(size)
#define _Out_opt_bytecap_post_bytecount_(size, count)
#define _Out_opt_cap_(size)
#define _Out_opt_cap_c_(size)
#define _Out_opt_cap_post_count_(size, count)
#define _Out_opt_writes_(size)
#define _Out_opt_writes_all_(size)
#define _Out_opt_writes_bytes_(size)
#define _Out_opt_writes_bytes_all_(size)
#define _Out_opt_writes_bytes_to_(size, count)
#define _Out_opt_writes_to_(size, count)
#define _Out_opt_writes_to_ptr_(end)
#define _Out_opt_writes_to_ptr_z_(end)
#define _Out_opt_writes_z_(size)
#define _Out_opt_z_bytecap_(size)
#define _Out_opt_z_cap_(size)
#define _Out_opt_z_cap_c_(size)
#define _Out_opt_z_cap_post_count_(size, count)
#define _Out_range_(low, high)
#define _Out_writes_(size)
#define _Out_writes_all_(size)
#define _Out_writes_bytes_(size)
#define _Out_writes_bytes_all_(size)
#define _Out_writes_bytes_to_(size, count)
#define _Out_writes_to_(size, count)
#define _Out_writes_to_ptr_(end)
#define _Out_writes_to_ptr_z_(end)
#define _Out_writes_z_(size)
#define _Out_z_bytecap_(size)
#define _Out_z_cap_(size)
#define _Out_z_cap_c_(size)
#define _Out_z_cap_post_count_(size, count)
#define _Outptr_opt_result_buffer_(size)
#define _Outptr_opt_result_buffer_maybenull_(size)
#define _Outptr_opt_result_buffer_to_(size, count)
#define _Outptr_opt_result_bytebuffer_(size)
#define _Outptr_opt_result_bytebuffer_maybenull_(size)
#define _Outptr_opt_result_bytebuffer_to_(size, count)
#define _Outptr_result_buffer_(size)
#define _Outptr_result_buffer_maybenull_(size)
#define _Outptr_result_buffer_to_(size, count)
#define _Outptr_result_bytebuffer_(size)
#define _Outptr_result_bytebuffer_maybenull_(size)
#define _Outptr_result_bytebuffer_to_(size, count)
#define _Outref_result_buffer_(size)
#define _Outref_result_bytebuffer_(size)
#define _Post_bytecount_(size)
#define _Post_count_(size)
#define _Post_range_(low, high)
#define _Post_readable_byte_size_(size)
#define _Post_readable_size_(size)
#define _Post_satisfies_(what)
#define _Post_writable_byte_size_(size)
#define _Post_writable_size_(size)
#define _Pre_bytecap_(size)
#define _Pre_cap_(size)
#define _Pre_range_(low, high)
#define _Pre_readable_byte_size_(size)
#define _Pre_readable_size_(size)
#define _Pre_satisfies_(what)
#define _Pre_writable_byte_size_(size)
#define _Pre_writable_size_(size)
#define _Readable_bytes_(size)
#define _Readable_elements_(size)
#define _Releases_exclusive_lock_(what)
#define _Releases_lock_(what)
#define _Releases_shared_lock_(what)
#define _Requires_exclusive_lock_held_(what)
#define _Requires_lock_held_(what)
#define _Requires_lock_not_held_(what)
#define _Requires_shared_lock_held_(what)
#define _Ret_bytecap_(size)
#define _Ret_bytecount_(size)
#define _Ret_cap_(size)
#define _Ret_count_(size)
#define _Ret_range_(low, high)
#define _Ret_writes_(size)
#define _Ret_writes_bytes_(size)
#define _Ret_writes_bytes_maybenull_(size)
#define _Ret_writes_bytes_to_(size, count)
#define _Ret_writes_bytes_to_maybenull_(size, count)
#define _Ret_writes_maybenull_(size)
#define _Ret_writes_maybenull_z_(size)
#define _Ret_writes_to_(size, count)
#define _Ret_writes_to_maybenull_(size, count)
#define _Ret_writes_z_(size)
#define _Return_type_success_(what)
#define _Satisfies_(what)
#define _Struct_size_bytes_(size)
#define _Success_(what)
#define _When_(condition, annotation)
#define _Writable_bytes_(size)
#define _Writable_elements_(size)
#define _Write_guarded_by_(what)

#if !defined(__cplusplus) || defined(PAGEWRIGHT_OLD_SAL)
#define __drv_aliasesMem
#define __drv_freesMem(kind)
#define __drv_allocatesMem(kind)
#define __analysis_assume(condition)
#define __callback
#define __format_string
#define __fallthrough
#define __checkReturn
#define __nullterminated
#define __nullnullterminated
#define __reserved
#define __notnull
#define __maybenull
#define __success(condition)
#define __in
#define __out
#define __inout
#define __in_opt
#define __out_opt
#define __inout_opt
#define __in_z
#define __in_z_opt
#define __deref_in
#define __deref_out
#define __deref_out_opt
#define __deref_opt_out
#define __deref_inout
#define __deref_inout_opt
#define __in_ecount(size)
#define __in_bcount(size)
#define __in_ecount_opt(size)
#define __in_bcount_opt(size)
#define __in_ecount_z(size)
#define __out_ecount(size)
#define __out_bcount(size)
#define __out_ecount_opt(size)
#define __out_bcount_opt(size)
#define __out_ecount_z(size)
#define __out_ecount_full(size)
#define __out_bcount_full(size)
#define __out_ecount_part(size, count)
#define __out_bcount_part(size, count)
#define __out_ecount_part_opt(size, count)
#define __out_bcount_part_opt(size, count)
#define __inout_ecount(size)
#define __inout_bcount(size)
#define __inout_ecount_opt(size)
#define __inout_bcount_opt(size)
#define __inout_ecount_full(size)
#define __inout_bcount_full(size)
#define __deref_out_ecount(size)
#define __deref_out_bcount(size)
#endif

#endif
