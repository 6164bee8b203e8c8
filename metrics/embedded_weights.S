/* The weights of EfficientNet-Lite0 as they lie on disk; the path comes from CMake (OAR_FEATURE_WEIGHTS). */
    .section .rodata
    .balign 64
    .globl oar_efficientnet_lite0_begin
oar_efficientnet_lite0_begin:
    .incbin OAR_FEATURE_WEIGHTS_FILE
    .globl oar_efficientnet_lite0_end
oar_efficientnet_lite0_end:
    .byte 0
    .section .note.GNU-stack,"",%progbits
