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
	.reg .pred 	%p<19>;
	.reg .b16 	%rs<13>;
	.reg .b32 	%r<44>;
	.reg .b64 	%rd<73>;
	ld.param.v2.u32 	{%r18, %r19}, [ft_feed_finish_param_0+24];
	ld.param.u32 	%r17, [ft_feed_finish_param_0+112];
	ld.param.u64 	%rd31, [ft_feed_finish_param_0+104];
	ld.param.u64 	%rd30, [ft_feed_finish_param_0+96];
	ld.param.u64 	%rd29, [ft_feed_finish_param_0+88];
	ld.param.u64 	%rd28, [ft_feed_finish_param_0+80];
	ld.param.u64 	%rd27, [ft_feed_finish_param_0+72];
	ld.param.u64 	%rd26, [ft_feed_finish_param_0+64];
	ld.param.u64 	%rd25, [ft_feed_finish_param_0+56];
	ld.param.u64 	%rd24, [ft_feed_finish_param_0+48];
	ld.param.u64 	%rd23, [ft_feed_finish_param_0+40];
	ld.param.u32 	%r16, [ft_feed_finish_param_0+32];
	ld.param.u64 	%rd22, [ft_feed_finish_param_0+16];
	ld.param.u64 	%rd21, [ft_feed_finish_param_0+8];
	ld.param.u64 	%rd20, [ft_feed_finish_param_0];
	cvta.to.global.u64 	%rd1, %rd20;
	cvta.to.global.u64 	%rd2, %rd22;
	cvta.to.global.u64 	%rd3, %rd29;
	cvta.to.global.u64 	%rd4, %rd30;
	cvta.to.global.u64 	%rd5, %rd31;
	ld.global.u32 	%r1, [%rd4];
	mul.wide.s32 	%rd32, %r16, 4;
	add.s64 	%rd33, %rd2, %rd32;
	mul.wide.s32 	%rd34, %r18, 4;
	add.s64 	%rd35, %rd2, %rd34;
	ld.global.u32 	%r20, [%rd35];
	ld.global.u32 	%r2, [%rd33];
	setp.ne.s32 	%p1, %r2, %r20;
	mov.u16 	%rs12, 0;
	@%p1 bra 	$L__BB0_2;
	mul.wide.s32 	%rd36, %r19, 4;
	add.s64 	%rd37, %rd2, %rd36;
	ld.global.u32 	%r21, [%rd37];
	setp.eq.s32 	%p2, %r2, %r21;
	selp.u16 	%rs12, 1, 0, %p2;
$L__BB0_2:
	and.b32  	%r22, %r1, 7;
	cvt.u64.u32 	%rd38, %r22;
	cvt.s64.s32 	%rd39, %r17;
	mul.lo.s64 	%rd6, %rd38, %rd39;
	mov.u32 	%r3, %tid.x;
	setp.lt.s32 	%p3, %r3, %r2;
	@%p3 bra 	$L__BB0_3;
	bra.uni 	$L__BB0_8;
$L__BB0_3:
	setp.eq.s16 	%p4, %rs12, 0;
	mov.u32 	%r4, %ntid.x;
	@%p4 bra 	$L__BB0_6;
	cvta.to.global.u64 	%rd8, %rd25;
	cvta.to.global.u64 	%rd9, %rd24;
	cvta.to.global.u64 	%rd10, %rd23;
	mov.u32 	%r41, %r3;
$L__BB0_5:
	cvt.s64.s32 	%rd40, %r41;
	mul.lo.s64 	%rd41, %rd21, %rd40;
	shl.b64 	%rd42, %rd41, 2;
	add.s64 	%rd43, %rd1, %rd42;
	ld.global.u32 	%r23, [%rd43];
	add.s64 	%rd44, %rd6, %rd40;
	shl.b64 	%rd45, %rd44, 2;
	add.s64 	%rd46, %rd3, %rd45;
	st.global.u32 	[%rd46], %r23;
	mul.lo.s64 	%rd47, %rd44, 192;
	add.s64 	%rd48, %rd5, %rd47;
	st.global.u32 	[%rd48], %r23;
	mul.wide.s32 	%rd49, %r41, 4;
	add.s64 	%rd50, %rd10, %rd49;
	st.global.u32 	[%rd50], %r23;
	add.s64 	%rd51, %rd9, %rd49;
	ld.global.u32 	%r24, [%rd51];
	add.s32 	%r25, %r24, 1;
	st.global.u32 	[%rd51], %r25;
	add.s64 	%rd52, %rd8, %rd49;
	ld.global.u32 	%r26, [%rd52];
	add.s32 	%r27, %r26, 1;
	st.global.u32 	[%rd52], %r27;
	add.s32 	%r41, %r41, %r4;
	setp.lt.s32 	%p5, %r41, %r2;
	@%p5 bra 	$L__BB0_5;
	bra.uni 	$L__BB0_8;
$L__BB0_6:
	mov.u32 	%r42, %r3;
$L__BB0_7:
	cvt.s64.s32 	%rd53, %r42;
	mul.lo.s64 	%rd54, %rd21, %rd53;
	shl.b64 	%rd55, %rd54, 2;
	add.s64 	%rd56, %rd1, %rd55;
	ld.global.u32 	%r28, [%rd56];
	add.s64 	%rd57, %rd6, %rd53;
	shl.b64 	%rd58, %rd57, 2;
	add.s64 	%rd59, %rd3, %rd58;
	st.global.u32 	[%rd59], %r28;
	mul.lo.s64 	%rd60, %rd57, 192;
	add.s64 	%rd61, %rd5, %rd60;
	st.global.u32 	[%rd61], %r28;
	add.s32 	%r42, %r42, %r4;
	setp.lt.s32 	%p6, %r42, %r2;
	@%p6 bra 	$L__BB0_7;
$L__BB0_8:
	shr.u32 	%r43, %r3, 5;
	setp.ge.s32 	%p7, %r43, %r2;
	setp.eq.s64 	%p8, %rd26, 0;
	or.pred  	%p9, %p8, %p7;
	@%p9 bra 	$L__BB0_16;
	and.b32  	%r29, %r3, 31;
	mov.u32 	%r30, 43;
	sub.s32 	%r31, %r30, %r29;
	shr.u32 	%r10, %r31, 5;
	cvt.u64.u32 	%rd12, %r29;
	cvta.to.global.u64 	%rd14, %rd27;
	cvta.to.global.u64 	%rd15, %rd26;
	mov.u32 	%r32, %ntid.x;
	shr.u32 	%r11, %r32, 5;
	shl.b64 	%rd67, %rd12, 2;
$L__BB0_10:
	cvt.s64.s32 	%rd16, %r43;
	mul.wide.s32 	%rd62, %r43, 64;
	add.s64 	%rd63, %rd15, %rd62;
	add.s64 	%rd17, %rd63, 36;
	ld.global.u32 	%r33, [%rd63+36];
	and.b32  	%r34, %r33, 1;
	setp.eq.b32 	%p10, %r34, 1;
	mov.pred 	%p11, 0;
	xor.pred  	%p12, %p10, %p11;
	not.pred 	%p13, %p12;
	@%p13 bra 	$L__BB0_15;
	ld.global.u32 	%r35, [%rd17+12];
	setp.lt.s32 	%p14, %r35, 1;
	@%p14 bra 	$L__BB0_15;
	setp.eq.s32 	%p15, %r10, 0;
	ld.global.s32 	%rd64, [%rd17+4];
	mul.lo.s64 	%rd65, %rd28, %rd64;
	add.s64 	%rd66, %rd14, %rd65;
	add.s64 	%rd68, %rd66, %rd67;
	add.s64 	%rd69, %rd6, %rd16;
	mul.lo.s64 	%rd70, %rd69, 192;
	add.s64 	%rd71, %rd5, %rd70;
	add.s64 	%rd72, %rd71, %rd67;
	add.s64 	%rd18, %rd68, 64;
	ld.global.u32 	%r36, [%rd68+64];
	add.s64 	%rd19, %rd72, 16;
	st.global.u32 	[%rd72+16], %r36;
	@%p15 bra 	$L__BB0_15;
	setp.ne.s32 	%p16, %r10, 0;
	ld.global.u32 	%r37, [%rd18+128];
	st.global.u32 	[%rd19+128], %r37;
	@%p16 bra 	$L__BB0_15;
	ld.global.u32 	%r38, [%rd18+256];
	st.global.u32 	[%rd19+256], %r38;
$L__BB0_15:
	cvt.u32.u64 	%r39, %rd16;
	add.s32 	%r43, %r39, %r11;
	setp.lt.s32 	%p17, %r43, %r2;
	@%p17 bra 	$L__BB0_10;
$L__BB0_16:
	bar.sync 	0;
	setp.ne.s32 	%p18, %r3, 0;
	@%p18 bra 	$L__BB0_18;
	add.s32 	%r40, %r1, 1;
	st.global.u32 	[%rd4], %r40;
$L__BB0_18:
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
