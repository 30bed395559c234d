// Made by make-ptx from Feed.cu; do not edit.
inline constexpr char kFeedPtx[] = R"PTX(
.version 7.1
.target sm_80
.address_size 64
	// .globl	ft_feed_finish
.visible .entry ft_feed_finish(
	.param .align 8 .b8 ft_feed_finish_param_0[120]
)
{
	.reg .pred 	%p<26>;
	.reg .b16 	%rs<9>;
	.reg .b32 	%r<58>;
	.reg .b64 	%rd<77>;
	ld.param.v2.u32 	{%r27, %r28}, [ft_feed_finish_param_0+24];
	ld.param.u32 	%r26, [ft_feed_finish_param_0+112];
	ld.param.u64 	%rd34, [ft_feed_finish_param_0+104];
	ld.param.u64 	%rd33, [ft_feed_finish_param_0+96];
	ld.param.u64 	%rd32, [ft_feed_finish_param_0+88];
	ld.param.u64 	%rd31, [ft_feed_finish_param_0+80];
	ld.param.u64 	%rd30, [ft_feed_finish_param_0+72];
	ld.param.u64 	%rd29, [ft_feed_finish_param_0+64];
	ld.param.u64 	%rd28, [ft_feed_finish_param_0+56];
	ld.param.u64 	%rd27, [ft_feed_finish_param_0+48];
	ld.param.u64 	%rd26, [ft_feed_finish_param_0+40];
	ld.param.u32 	%r25, [ft_feed_finish_param_0+32];
	ld.param.u64 	%rd25, [ft_feed_finish_param_0+16];
	ld.param.u64 	%rd24, [ft_feed_finish_param_0+8];
	ld.param.u64 	%rd23, [ft_feed_finish_param_0];
	cvta.to.global.u64 	%rd1, %rd23;
	cvta.to.global.u64 	%rd2, %rd25;
	cvta.to.global.u64 	%rd3, %rd27;
	cvta.to.global.u64 	%rd4, %rd28;
	cvta.to.global.u64 	%rd5, %rd32;
	cvta.to.global.u64 	%rd6, %rd33;
	cvta.to.global.u64 	%rd7, %rd34;
	ld.global.u32 	%r1, [%rd6];
	mul.wide.s32 	%rd35, %r25, 4;
	add.s64 	%rd36, %rd2, %rd35;
	mul.wide.s32 	%rd37, %r27, 4;
	add.s64 	%rd38, %rd2, %rd37;
	ld.global.u32 	%r29, [%rd38];
	ld.global.u32 	%r2, [%rd36];
	setp.ne.s32 	%p4, %r2, %r29;
	mov.pred 	%p25, 0;
	@%p4 bra 	$L__BB0_2;
	mul.wide.s32 	%rd39, %r28, 4;
	add.s64 	%rd40, %rd2, %rd39;
	ld.global.u32 	%r30, [%rd40];
	setp.eq.s32 	%p25, %r2, %r30;
$L__BB0_2:
	and.b32  	%r33, %r1, 7;
	cvt.u64.u32 	%rd41, %r33;
	cvt.s64.s32 	%rd42, %r26;
	mul.lo.s64 	%rd8, %rd41, %rd42;
	mov.u32 	%r3, %tid.x;
	setp.ge.s32 	%p5, %r3, %r2;
	not.pred 	%p6, %p25;
	mov.u32 	%r51, 0;
	or.pred  	%p7, %p5, %p6;
	mov.u32 	%r52, %r51;
	@%p7 bra 	$L__BB0_4;
	mul.wide.s32 	%rd43, %r3, 4;
	add.s64 	%rd44, %rd3, %rd43;
	ld.global.u32 	%r51, [%rd44];
	add.s64 	%rd45, %rd4, %rd43;
	ld.global.u32 	%r52, [%rd45];
$L__BB0_4:
	setp.lt.s32 	%p8, %r3, %r2;
	@%p8 bra 	$L__BB0_5;
	bra.uni 	$L__BB0_14;
$L__BB0_5:
	mov.u32 	%r8, %ntid.x;
	@%p25 bra 	$L__BB0_8;
	bra.uni 	$L__BB0_6;
$L__BB0_8:
	cvta.to.global.u64 	%rd10, %rd26;
	mov.u32 	%r54, %r3;
$L__BB0_9:
	cvt.s64.s32 	%rd11, %r54;
	mul.lo.s64 	%rd55, %rd24, %rd11;
	shl.b64 	%rd56, %rd55, 2;
	add.s64 	%rd57, %rd1, %rd56;
	ld.global.u32 	%r12, [%rd57];
	mul.wide.s32 	%rd58, %r54, 4;
	add.s64 	%rd59, %rd10, %rd58;
	st.global.u32 	[%rd59], %r12;
	add.s64 	%rd12, %rd3, %rd58;
	setp.eq.s32 	%p10, %r54, %r3;
	mov.u32 	%r55, %r51;
	@%p10 bra 	$L__BB0_11;
	ld.global.u32 	%r55, [%rd12];
$L__BB0_11:
	cvt.u32.u64 	%r35, %rd11;
	setp.eq.s32 	%p11, %r35, %r3;
	add.s32 	%r36, %r55, 1;
	st.global.u32 	[%rd12], %r36;
	shl.b64 	%rd60, %rd11, 2;
	add.s64 	%rd13, %rd4, %rd60;
	mov.u32 	%r56, %r52;
	@%p11 bra 	$L__BB0_13;
	ld.global.u32 	%r56, [%rd13];
$L__BB0_13:
	add.s32 	%r37, %r56, 1;
	st.global.u32 	[%rd13], %r37;
	add.s64 	%rd61, %rd8, %rd11;
	shl.b64 	%rd62, %rd61, 2;
	add.s64 	%rd63, %rd5, %rd62;
	st.global.u32 	[%rd63], %r12;
	mul.lo.s64 	%rd64, %rd61, 192;
	add.s64 	%rd65, %rd7, %rd64;
	st.global.u32 	[%rd65], %r12;
	add.s32 	%r54, %r35, %r8;
	setp.lt.s32 	%p12, %r54, %r2;
	@%p12 bra 	$L__BB0_9;
	bra.uni 	$L__BB0_14;
$L__BB0_6:
	mov.u32 	%r53, %r3;
$L__BB0_7:
	cvt.s64.s32 	%rd46, %r53;
	mul.lo.s64 	%rd47, %rd24, %rd46;
	shl.b64 	%rd48, %rd47, 2;
	add.s64 	%rd49, %rd1, %rd48;
	ld.global.u32 	%r34, [%rd49];
	add.s64 	%rd50, %rd8, %rd46;
	shl.b64 	%rd51, %rd50, 2;
	add.s64 	%rd52, %rd5, %rd51;
	st.global.u32 	[%rd52], %r34;
	mul.lo.s64 	%rd53, %rd50, 192;
	add.s64 	%rd54, %rd7, %rd53;
	st.global.u32 	[%rd54], %r34;
	add.s32 	%r53, %r53, %r8;
	setp.lt.s32 	%p9, %r53, %r2;
	@%p9 bra 	$L__BB0_7;
$L__BB0_14:
	shr.u32 	%r57, %r3, 5;
	setp.ge.s32 	%p13, %r57, %r2;
	setp.eq.s64 	%p14, %rd29, 0;
	or.pred  	%p15, %p14, %p13;
	@%p15 bra 	$L__BB0_22;
	and.b32  	%r39, %r3, 31;
	mov.u32 	%r40, 43;
	sub.s32 	%r41, %r40, %r39;
	shr.u32 	%r19, %r41, 5;
	cvt.u64.u32 	%rd15, %r39;
	cvta.to.global.u64 	%rd16, %rd29;
	cvta.to.global.u64 	%rd17, %rd30;
	mov.u32 	%r42, %ntid.x;
	shr.u32 	%r20, %r42, 5;
	shl.b64 	%rd71, %rd15, 2;
$L__BB0_16:
	cvt.s64.s32 	%rd19, %r57;
	mul.wide.s32 	%rd66, %r57, 64;
	add.s64 	%rd67, %rd16, %rd66;
	add.s64 	%rd20, %rd67, 36;
	ld.global.u32 	%r43, [%rd67+36];
	and.b32  	%r44, %r43, 1;
	setp.eq.b32 	%p16, %r44, 1;
	mov.pred 	%p17, 0;
	xor.pred  	%p18, %p16, %p17;
	not.pred 	%p19, %p18;
	@%p19 bra 	$L__BB0_21;
	ld.global.u32 	%r45, [%rd20+12];
	setp.lt.s32 	%p20, %r45, 1;
	@%p20 bra 	$L__BB0_21;
	setp.eq.s32 	%p21, %r19, 0;
	ld.global.s32 	%rd68, [%rd20+4];
	mul.lo.s64 	%rd69, %rd31, %rd68;
	add.s64 	%rd70, %rd17, %rd69;
	add.s64 	%rd72, %rd70, %rd71;
	add.s64 	%rd73, %rd8, %rd19;
	mul.lo.s64 	%rd74, %rd73, 192;
	add.s64 	%rd75, %rd7, %rd74;
	add.s64 	%rd76, %rd75, %rd71;
	add.s64 	%rd21, %rd72, 64;
	ld.global.u32 	%r46, [%rd72+64];
	add.s64 	%rd22, %rd76, 16;
	st.global.u32 	[%rd76+16], %r46;
	@%p21 bra 	$L__BB0_21;
	setp.ne.s32 	%p22, %r19, 0;
	ld.global.u32 	%r47, [%rd21+128];
	st.global.u32 	[%rd22+128], %r47;
	@%p22 bra 	$L__BB0_21;
	ld.global.u32 	%r48, [%rd21+256];
	st.global.u32 	[%rd22+256], %r48;
$L__BB0_21:
	cvt.u32.u64 	%r49, %rd19;
	add.s32 	%r57, %r49, %r20;
	setp.lt.s32 	%p23, %r57, %r2;
	@%p23 bra 	$L__BB0_16;
$L__BB0_22:
	bar.sync 	0;
	setp.ne.s32 	%p24, %r3, 0;
	@%p24 bra 	$L__BB0_24;
	add.s32 	%r50, %r1, 1;
	st.global.u32 	[%rd6], %r50;
$L__BB0_24:
	ret;
}
	// .globl	ft_feed_resolve
.visible .entry ft_feed_resolve(
	.param .u64 ft_feed_resolve_param_0,
	.param .u64 ft_feed_resolve_param_1,
	.param .u64 ft_feed_resolve_param_2
)
{
	.reg .pred 	%p<12>;
	.reg .b32 	%r<18>;
	.reg .b64 	%rd<75>;
	ld.param.u64 	%rd36, [ft_feed_resolve_param_0];
	ld.param.u64 	%rd35, [ft_feed_resolve_param_1];
	ld.param.u64 	%rd37, [ft_feed_resolve_param_2];
	cvta.to.global.u64 	%rd1, %rd37;
	cvta.to.global.u64 	%rd2, %rd36;
	mov.u32 	%r6, %nctaid.x;
	cvt.u64.u32 	%rd3, %r6;
	mov.u32 	%r7, %ntid.x;
	cvt.u64.u32 	%rd4, %r7;
	mul.wide.u32 	%rd5, %r6, %r7;
	mov.u32 	%r8, %ctaid.x;
	cvt.u64.u32 	%rd6, %r8;
	mul.wide.u32 	%rd38, %r8, %r7;
	mov.u32 	%r9, %tid.x;
	cvt.u64.u32 	%rd7, %r9;
	add.s64 	%rd72, %rd38, %rd7;
	setp.ge.s64 	%p1, %rd72, %rd35;
	@%p1 bra 	$L__BB1_20;
	add.s64 	%rd39, %rd5, %rd35;
	add.s64 	%rd40, %rd3, %rd6;
	mul.lo.s64 	%rd41, %rd40, %rd4;
	add.s64 	%rd42, %rd41, %rd7;
	not.b64 	%rd43, %rd42;
	add.s64 	%rd9, %rd39, %rd43;
	or.b64  	%rd44, %rd9, %rd5;
	and.b64  	%rd45, %rd44, -4294967296;
	setp.eq.s64 	%p2, %rd45, 0;
	@%p2 bra 	$L__BB1_3;
	div.u64 	%rd68, %rd9, %rd5;
	bra.uni 	$L__BB1_4;
$L__BB1_3:
	cvt.u32.u64 	%r10, %rd5;
	cvt.u32.u64 	%r11, %rd9;
	div.u32 	%r12, %r11, %r10;
	cvt.u64.u32 	%rd68, %r12;
$L__BB1_4:
	add.s64 	%rd46, %rd68, 1;
	and.b64  	%rd71, %rd46, 3;
	setp.eq.s64 	%p3, %rd71, 0;
	@%p3 bra 	$L__BB1_9;
	shl.b64 	%rd47, %rd72, 2;
	add.s64 	%rd69, %rd2, %rd47;
	shl.b64 	%rd15, %rd5, 2;
$L__BB1_6:
	.pragma "nounroll";
	ld.global.u32 	%r1, [%rd69];
	setp.gt.s32 	%p4, %r1, -1;
	@%p4 bra 	$L__BB1_8;
	mul.wide.s32 	%rd48, %r1, 4;
	xor.b64  	%rd49, %rd48, -4;
	add.s64 	%rd50, %rd1, %rd49;
	ld.global.u32 	%r13, [%rd50];
	st.global.u32 	[%rd69], %r13;
$L__BB1_8:
	add.s64 	%rd72, %rd72, %rd5;
	add.s64 	%rd69, %rd69, %rd15;
	add.s64 	%rd71, %rd71, -1;
	setp.ne.s64 	%p5, %rd71, 0;
	@%p5 bra 	$L__BB1_6;
$L__BB1_9:
	setp.lt.u64 	%p6, %rd68, 3;
	@%p6 bra 	$L__BB1_20;
	shl.b64 	%rd51, %rd72, 2;
	add.s64 	%rd74, %rd2, %rd51;
	mul.lo.s64 	%rd52, %rd3, %rd4;
	shl.b64 	%rd24, %rd52, 2;
$L__BB1_11:
	ld.global.u32 	%r2, [%rd74];
	setp.gt.s32 	%p7, %r2, -1;
	@%p7 bra 	$L__BB1_13;
	mul.wide.s32 	%rd53, %r2, 4;
	xor.b64  	%rd54, %rd53, -4;
	add.s64 	%rd55, %rd1, %rd54;
	ld.global.u32 	%r14, [%rd55];
	st.global.u32 	[%rd74], %r14;
$L__BB1_13:
	add.s64 	%rd28, %rd74, %rd24;
	ld.global.u32 	%r3, [%rd28];
	setp.gt.s32 	%p8, %r3, -1;
	@%p8 bra 	$L__BB1_15;
	mul.wide.s32 	%rd56, %r3, 4;
	xor.b64  	%rd57, %rd56, -4;
	add.s64 	%rd58, %rd1, %rd57;
	ld.global.u32 	%r15, [%rd58];
	st.global.u32 	[%rd28], %r15;
$L__BB1_15:
	add.s64 	%rd30, %rd28, %rd24;
	ld.global.u32 	%r4, [%rd30];
	setp.gt.s32 	%p9, %r4, -1;
	@%p9 bra 	$L__BB1_17;
	mul.wide.s32 	%rd59, %r4, 4;
	xor.b64  	%rd60, %rd59, -4;
	add.s64 	%rd61, %rd1, %rd60;
	ld.global.u32 	%r16, [%rd61];
	st.global.u32 	[%rd30], %r16;
$L__BB1_17:
	add.s64 	%rd32, %rd30, %rd24;
	ld.global.u32 	%r5, [%rd32];
	setp.gt.s32 	%p10, %r5, -1;
	@%p10 bra 	$L__BB1_19;
	mul.wide.s32 	%rd62, %r5, 4;
	xor.b64  	%rd63, %rd62, -4;
	add.s64 	%rd64, %rd1, %rd63;
	ld.global.u32 	%r17, [%rd64];
	st.global.u32 	[%rd32], %r17;
$L__BB1_19:
	add.s64 	%rd74, %rd32, %rd24;
	add.s64 	%rd65, %rd72, %rd5;
	add.s64 	%rd66, %rd65, %rd5;
	add.s64 	%rd67, %rd66, %rd5;
	add.s64 	%rd72, %rd67, %rd5;
	setp.lt.s64 	%p11, %rd72, %rd35;
	@%p11 bra 	$L__BB1_11;
$L__BB1_20:
	ret;
}
)PTX";
inline constexpr char kFeedSm90Ptx[] = R"PTX(
.version 7.8
.target sm_90
.address_size 64
	// .globl	ft_feed_finish
.visible .entry ft_feed_finish(
	.param .align 8 .b8 ft_feed_finish_param_0[120]
)
{
	.reg .pred 	%p<26>;
	.reg .b16 	%rs<9>;
	.reg .b32 	%r<58>;
	.reg .b64 	%rd<77>;
	ld.param.v2.u32 	{%r27, %r28}, [ft_feed_finish_param_0+24];
	ld.param.u32 	%r26, [ft_feed_finish_param_0+112];
	ld.param.u64 	%rd34, [ft_feed_finish_param_0+104];
	ld.param.u64 	%rd33, [ft_feed_finish_param_0+96];
	ld.param.u64 	%rd32, [ft_feed_finish_param_0+88];
	ld.param.u64 	%rd31, [ft_feed_finish_param_0+80];
	ld.param.u64 	%rd30, [ft_feed_finish_param_0+72];
	ld.param.u64 	%rd29, [ft_feed_finish_param_0+64];
	ld.param.u64 	%rd28, [ft_feed_finish_param_0+56];
	ld.param.u64 	%rd27, [ft_feed_finish_param_0+48];
	ld.param.u64 	%rd26, [ft_feed_finish_param_0+40];
	ld.param.u32 	%r25, [ft_feed_finish_param_0+32];
	ld.param.u64 	%rd25, [ft_feed_finish_param_0+16];
	ld.param.u64 	%rd24, [ft_feed_finish_param_0+8];
	ld.param.u64 	%rd23, [ft_feed_finish_param_0];
	cvta.to.global.u64 	%rd1, %rd23;
	cvta.to.global.u64 	%rd2, %rd25;
	cvta.to.global.u64 	%rd3, %rd27;
	cvta.to.global.u64 	%rd4, %rd28;
	cvta.to.global.u64 	%rd5, %rd32;
	cvta.to.global.u64 	%rd6, %rd33;
	cvta.to.global.u64 	%rd7, %rd34;
	ld.global.u32 	%r1, [%rd6];
	mul.wide.s32 	%rd35, %r25, 4;
	add.s64 	%rd36, %rd2, %rd35;
	mul.wide.s32 	%rd37, %r27, 4;
	add.s64 	%rd38, %rd2, %rd37;
	ld.global.u32 	%r29, [%rd38];
	ld.global.u32 	%r2, [%rd36];
	setp.ne.s32 	%p4, %r2, %r29;
	mov.pred 	%p25, 0;
	@%p4 bra 	$L__BB0_2;
	mul.wide.s32 	%rd39, %r28, 4;
	add.s64 	%rd40, %rd2, %rd39;
	ld.global.u32 	%r30, [%rd40];
	setp.eq.s32 	%p25, %r2, %r30;
$L__BB0_2:
	and.b32  	%r33, %r1, 7;
	cvt.u64.u32 	%rd41, %r33;
	cvt.s64.s32 	%rd42, %r26;
	mul.lo.s64 	%rd8, %rd41, %rd42;
	mov.u32 	%r3, %tid.x;
	setp.ge.s32 	%p5, %r3, %r2;
	not.pred 	%p6, %p25;
	mov.u32 	%r51, 0;
	or.pred  	%p7, %p5, %p6;
	mov.u32 	%r52, %r51;
	@%p7 bra 	$L__BB0_4;
	mul.wide.s32 	%rd43, %r3, 4;
	add.s64 	%rd44, %rd3, %rd43;
	ld.global.u32 	%r51, [%rd44];
	add.s64 	%rd45, %rd4, %rd43;
	ld.global.u32 	%r52, [%rd45];
$L__BB0_4:
	// begin inline asm
	griddepcontrol.wait;
	// end inline asm
	setp.lt.s32 	%p8, %r3, %r2;
	@%p8 bra 	$L__BB0_5;
	bra.uni 	$L__BB0_14;
$L__BB0_5:
	mov.u32 	%r8, %ntid.x;
	@%p25 bra 	$L__BB0_8;
	bra.uni 	$L__BB0_6;
$L__BB0_8:
	cvta.to.global.u64 	%rd10, %rd26;
	mov.u32 	%r54, %r3;
$L__BB0_9:
	cvt.s64.s32 	%rd11, %r54;
	mul.lo.s64 	%rd55, %rd24, %rd11;
	shl.b64 	%rd56, %rd55, 2;
	add.s64 	%rd57, %rd1, %rd56;
	ld.global.u32 	%r12, [%rd57];
	mul.wide.s32 	%rd58, %r54, 4;
	add.s64 	%rd59, %rd10, %rd58;
	st.global.u32 	[%rd59], %r12;
	add.s64 	%rd12, %rd3, %rd58;
	setp.eq.s32 	%p10, %r54, %r3;
	mov.u32 	%r55, %r51;
	@%p10 bra 	$L__BB0_11;
	ld.global.u32 	%r55, [%rd12];
$L__BB0_11:
	cvt.u32.u64 	%r35, %rd11;
	setp.eq.s32 	%p11, %r35, %r3;
	add.s32 	%r36, %r55, 1;
	st.global.u32 	[%rd12], %r36;
	shl.b64 	%rd60, %rd11, 2;
	add.s64 	%rd13, %rd4, %rd60;
	mov.u32 	%r56, %r52;
	@%p11 bra 	$L__BB0_13;
	ld.global.u32 	%r56, [%rd13];
$L__BB0_13:
	add.s32 	%r37, %r56, 1;
	st.global.u32 	[%rd13], %r37;
	add.s64 	%rd61, %rd8, %rd11;
	shl.b64 	%rd62, %rd61, 2;
	add.s64 	%rd63, %rd5, %rd62;
	st.global.u32 	[%rd63], %r12;
	mul.lo.s64 	%rd64, %rd61, 192;
	add.s64 	%rd65, %rd7, %rd64;
	st.global.u32 	[%rd65], %r12;
	add.s32 	%r54, %r35, %r8;
	setp.lt.s32 	%p12, %r54, %r2;
	@%p12 bra 	$L__BB0_9;
	bra.uni 	$L__BB0_14;
$L__BB0_6:
	mov.u32 	%r53, %r3;
$L__BB0_7:
	cvt.s64.s32 	%rd46, %r53;
	mul.lo.s64 	%rd47, %rd24, %rd46;
	shl.b64 	%rd48, %rd47, 2;
	add.s64 	%rd49, %rd1, %rd48;
	ld.global.u32 	%r34, [%rd49];
	add.s64 	%rd50, %rd8, %rd46;
	shl.b64 	%rd51, %rd50, 2;
	add.s64 	%rd52, %rd5, %rd51;
	st.global.u32 	[%rd52], %r34;
	mul.lo.s64 	%rd53, %rd50, 192;
	add.s64 	%rd54, %rd7, %rd53;
	st.global.u32 	[%rd54], %r34;
	add.s32 	%r53, %r53, %r8;
	setp.lt.s32 	%p9, %r53, %r2;
	@%p9 bra 	$L__BB0_7;
$L__BB0_14:
	shr.u32 	%r57, %r3, 5;
	setp.ge.s32 	%p13, %r57, %r2;
	setp.eq.s64 	%p14, %rd29, 0;
	or.pred  	%p15, %p14, %p13;
	@%p15 bra 	$L__BB0_22;
	and.b32  	%r39, %r3, 31;
	mov.u32 	%r40, 43;
	sub.s32 	%r41, %r40, %r39;
	shr.u32 	%r19, %r41, 5;
	cvt.u64.u32 	%rd15, %r39;
	cvta.to.global.u64 	%rd16, %rd29;
	cvta.to.global.u64 	%rd17, %rd30;
	mov.u32 	%r42, %ntid.x;
	shr.u32 	%r20, %r42, 5;
	shl.b64 	%rd71, %rd15, 2;
$L__BB0_16:
	cvt.s64.s32 	%rd19, %r57;
	mul.wide.s32 	%rd66, %r57, 64;
	add.s64 	%rd67, %rd16, %rd66;
	add.s64 	%rd20, %rd67, 36;
	ld.global.u32 	%r43, [%rd67+36];
	and.b32  	%r44, %r43, 1;
	setp.eq.b32 	%p16, %r44, 1;
	mov.pred 	%p17, 0;
	xor.pred  	%p18, %p16, %p17;
	not.pred 	%p19, %p18;
	@%p19 bra 	$L__BB0_21;
	ld.global.u32 	%r45, [%rd20+12];
	setp.lt.s32 	%p20, %r45, 1;
	@%p20 bra 	$L__BB0_21;
	setp.eq.s32 	%p21, %r19, 0;
	ld.global.s32 	%rd68, [%rd20+4];
	mul.lo.s64 	%rd69, %rd31, %rd68;
	add.s64 	%rd70, %rd17, %rd69;
	add.s64 	%rd72, %rd70, %rd71;
	add.s64 	%rd73, %rd8, %rd19;
	mul.lo.s64 	%rd74, %rd73, 192;
	add.s64 	%rd75, %rd7, %rd74;
	add.s64 	%rd76, %rd75, %rd71;
	add.s64 	%rd21, %rd72, 64;
	ld.global.u32 	%r46, [%rd72+64];
	add.s64 	%rd22, %rd76, 16;
	st.global.u32 	[%rd76+16], %r46;
	@%p21 bra 	$L__BB0_21;
	setp.ne.s32 	%p22, %r19, 0;
	ld.global.u32 	%r47, [%rd21+128];
	st.global.u32 	[%rd22+128], %r47;
	@%p22 bra 	$L__BB0_21;
	ld.global.u32 	%r48, [%rd21+256];
	st.global.u32 	[%rd22+256], %r48;
$L__BB0_21:
	cvt.u32.u64 	%r49, %rd19;
	add.s32 	%r57, %r49, %r20;
	setp.lt.s32 	%p23, %r57, %r2;
	@%p23 bra 	$L__BB0_16;
$L__BB0_22:
	bar.sync 	0;
	setp.ne.s32 	%p24, %r3, 0;
	@%p24 bra 	$L__BB0_24;
	add.s32 	%r50, %r1, 1;
	st.global.u32 	[%rd6], %r50;
$L__BB0_24:
	ret;
}
)PTX";
