# dlopen. Other spellings of libcuda become ours; everything else is a jump to the real function, with the caller's return
# address on the stack, since that address is how the loader knows whose RUNPATH to search.
.text
.globl dlopen
.type dlopen, @function
.p2align 4
dlopen:
  .cfi_startproc
  pushq %rdi
  .cfi_adjust_cfa_offset 8
  pushq %rsi
  .cfi_adjust_cfa_offset 8
  subq $8, %rsp
  .cfi_adjust_cfa_offset 8
  call paella_dlopen_name
  addq $8, %rsp
  .cfi_adjust_cfa_offset -8
  popq %rsi
  .cfi_adjust_cfa_offset -8
  popq %rdi
  .cfi_adjust_cfa_offset -8
  movq %rax, %rdi
  jmp *paella_real_dlopen(%rip)
  .cfi_endproc
.size dlopen, .-dlopen
.hidden paella_dlopen_name
.hidden paella_real_dlopen
.section .note.GNU-stack,"",@progbits
