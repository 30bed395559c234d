// Made by make-ptx from RandomWeights.cu; do not edit.
inline constexpr char kRandomWeightsPtx[] = R"PTX(
.version 7.1
.target sm_80
.address_size 64
	// .globl	ft_random_weights
.visible .entry ft_random_weights(
	.param .u64 ft_random_weights_param_0,
	.param .u64 ft_random_weights_param_1,
	.param .u64 ft_random_weights_param_2,
	.param .u64 ft_random_weights_param_3,
	.param .f32 ft_random_weights_param_4,
	.param .u32 ft_random_weights_param_5
)
{
	.reg .pred 	%p<7>;
	.reg .b16 	%rs<3>;
	.reg .f32 	%f<11>;
	.reg .b32 	%r<12>;
	.reg .b64 	%rd<56>;
	ld.param.u64 	%rd14, [ft_random_weights_param_0];
	ld.param.u64 	%rd11, [ft_random_weights_param_1];
	ld.param.u64 	%rd12, [ft_random_weights_param_2];
	ld.param.u64 	%rd13, [ft_random_weights_param_3];
	ld.param.f32 	%f1, [ft_random_weights_param_4];
	ld.param.u32 	%r1, [ft_random_weights_param_5];
	cvta.to.global.u64 	%rd1, %rd14;
	mov.u32 	%r2, %nctaid.x;
	mov.u32 	%r3, %ntid.x;
	mul.wide.u32 	%rd2, %r2, %r3;
	mov.u32 	%r4, %ctaid.x;
	mul.wide.u32 	%rd15, %r4, %r3;
	mov.u32 	%r5, %tid.x;
	cvt.u64.u32 	%rd16, %r5;
	add.s64 	%rd53, %rd15, %rd16;
	setp.ge.u64 	%p1, %rd53, %rd13;
	@%p1 bra 	$L__BB0_6;
	add.s64 	%rd4, %rd11, -7046029254386353131;
	setp.eq.s32 	%p2, %r1, 0;
	@%p2 bra 	$L__BB0_4;
	setp.ne.s32 	%p3, %r1, 1;
	@%p3 bra 	$L__BB0_5;
$L__BB0_3:
	add.s64 	%rd17, %rd53, %rd12;
	mul.lo.s64 	%rd18, %rd17, -7046029254386353131;
	add.s64 	%rd19, %rd4, %rd18;
	shr.u64 	%rd20, %rd19, 30;
	xor.b64  	%rd21, %rd20, %rd19;
	mul.lo.s64 	%rd22, %rd21, -4658895280553007687;
	shr.u64 	%rd23, %rd22, 27;
	xor.b64  	%rd24, %rd23, %rd22;
	mul.lo.s64 	%rd25, %rd24, -7723592293110705685;
	shr.u64 	%rd26, %rd25, 40;
	cvt.u32.u64 	%r6, %rd26;
	add.s32 	%r7, %r6, -8388608;
	cvt.rn.f32.s32 	%f3, %r7;
	mul.f32 	%f4, %f3, 0f34000000;
	mul.f32 	%f2, %f4, %f1;
	// begin inline asm
	cvt.rn.f16.f32 %rs1, %f2;
	// end inline asm
	shl.b64 	%rd27, %rd53, 1;
	add.s64 	%rd28, %rd1, %rd27;
	st.global.u16 	[%rd28], %rs1;
	add.s64 	%rd53, %rd53, %rd2;
	setp.lt.u64 	%p4, %rd53, %rd13;
	@%p4 bra 	$L__BB0_3;
	bra.uni 	$L__BB0_6;
$L__BB0_4:
	add.s64 	%rd29, %rd53, %rd12;
	mul.lo.s64 	%rd30, %rd29, -7046029254386353131;
	add.s64 	%rd31, %rd4, %rd30;
	shr.u64 	%rd32, %rd31, 30;
	xor.b64  	%rd33, %rd32, %rd31;
	mul.lo.s64 	%rd34, %rd33, -4658895280553007687;
	shr.u64 	%rd35, %rd34, 27;
	xor.b64  	%rd36, %rd35, %rd34;
	mul.lo.s64 	%rd37, %rd36, -7723592293110705685;
	shr.u64 	%rd38, %rd37, 40;
	cvt.u32.u64 	%r8, %rd38;
	add.s32 	%r9, %r8, -8388608;
	cvt.rn.f32.s32 	%f5, %r9;
	mul.f32 	%f6, %f5, 0f34000000;
	mul.f32 	%f7, %f6, %f1;
	shl.b64 	%rd39, %rd53, 2;
	add.s64 	%rd40, %rd1, %rd39;
	st.global.f32 	[%rd40], %f7;
	add.s64 	%rd53, %rd53, %rd2;
	setp.lt.u64 	%p5, %rd53, %rd13;
	@%p5 bra 	$L__BB0_4;
	bra.uni 	$L__BB0_6;
$L__BB0_5:
	add.s64 	%rd41, %rd53, %rd12;
	mul.lo.s64 	%rd42, %rd41, -7046029254386353131;
	add.s64 	%rd43, %rd4, %rd42;
	shr.u64 	%rd44, %rd43, 30;
	xor.b64  	%rd45, %rd44, %rd43;
	mul.lo.s64 	%rd46, %rd45, -4658895280553007687;
	shr.u64 	%rd47, %rd46, 27;
	xor.b64  	%rd48, %rd47, %rd46;
	mul.lo.s64 	%rd49, %rd48, -7723592293110705685;
	shr.u64 	%rd50, %rd49, 40;
	cvt.u32.u64 	%r10, %rd50;
	add.s32 	%r11, %r10, -8388608;
	cvt.rn.f32.s32 	%f9, %r11;
	mul.f32 	%f10, %f9, 0f34000000;
	mul.f32 	%f8, %f10, %f1;
	// begin inline asm
	cvt.rn.bf16.f32 %rs2, %f8;
	// end inline asm
	shl.b64 	%rd51, %rd53, 1;
	add.s64 	%rd52, %rd1, %rd51;
	st.global.u16 	[%rd52], %rs2;
	add.s64 	%rd53, %rd53, %rd2;
	setp.lt.u64 	%p6, %rd53, %rd13;
	@%p6 bra 	$L__BB0_5;
$L__BB0_6:
	ret;
}
)PTX";
