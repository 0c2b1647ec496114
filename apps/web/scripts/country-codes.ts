/**
 * ISO 3166-1 numeric code → alpha-2 code, for the shapes of world-atlas, which are keyed by the numeric one.
 *
 * One line per first digits; written out because no installed package carries it.
 */
const TABLE = `
004AF 008AL 010AQ 012DZ 016AS 020AD 024AO 028AG 031AZ 032AR 036AU 040AT 044BS 048BH 050BD 051AM 052BB 056BE 060BM 064BT 068BO 070BA 072BW 074BV
076BR 084BZ 086IO 090SB 092VG 096BN 100BG 104MM 108BI 112BY 116KH 120CM 124CA 132CV 136KY 140CF 144LK 148TD 152CL 156CN 158TW 162CX 166CC 170CO
174KM 175YT 178CG 180CD 184CK 188CR 191HR 192CU 196CY 203CZ 204BJ 208DK 212DM 214DO 218EC 222SV 226GQ 231ET 232ER 233EE 234FO 238FK 239GS 242FJ
246FI 248AX 250FR 254GF 258PF 260TF 262DJ 266GA 268GE 270GM 275PS 276DE 288GH 292GI 296KI 300GR 304GL 308GD 312GP 316GU 320GT 324GN 328GY 332HT
334HM 336VA 340HN 344HK 348HU 352IS 356IN 360ID 364IR 368IQ 372IE 376IL 380IT 384CI 388JM 392JP 398KZ 400JO 404KE 408KP 410KR 414KW 417KG 418LA
422LB 426LS 428LV 430LR 434LY 438LI 440LT 442LU 446MO 450MG 454MW 458MY 462MV 466ML 470MT 474MQ 478MR 480MU 484MX 492MC 496MN 498MD 499ME 500MS
504MA 508MZ 512OM 516NA 520NR 524NP 528NL 531CW 533AW 534SX 535BQ 540NC 548VU 554NZ 558NI 562NE 566NG 570NU 574NF 578NO 580MP 581UM 583FM 584MH
585PW 586PK 591PA 598PG 600PY 604PE 608PH 612PN 616PL 620PT 624GW 626TL 630PR 634QA 638RE 642RO 643RU 646RW 652BL 654SH 659KN 660AI 662LC 663MF
666PM 670VC 674SM 678ST 682SA 686SN 688RS 690SC 694SL 702SG 703SK 704VN 705SI 706SO 710ZA 716ZW 724ES 728SS 729SD 732EH 740SR 744SJ 748SZ 752SE
756CH 760SY 762TJ 764TH 768TG 772TK 776TO 780TT 784AE 788TN 792TR 795TM 796TC 798TV 800UG 804UA 807MK 818EG 826GB 831GG 832JE 833IM 834TZ 840US
850VI 854BF 858UY 860UZ 862VE 876WF 882WS 887YE 894ZM`

export const ALPHA2: ReadonlyMap<string, string> = new Map(
  TABLE.trim()
    .split(/\s+/)
    .map((entry) => [entry.slice(0, 3), entry.slice(3)] as const),
)

/**
 * Shapes world-atlas has without a numeric code. Geo data sets report traffic there under the code given here;
 * 'XK' is the user-assigned code in common use. Shapes not listed are drawn as land that carries no value.
 */
export const UNNUMBERED: Readonly<Record<string, string>> = { Kosovo: 'XK', Somaliland: 'SO', 'N. Cyprus': 'CY' }

/**
 * Where a country's arcs start and end when the middle of its largest polygon would mislead: [longitude, latitude].
 * Large countries whose people live at one side get the middle of where they live; the codes from 'AQ' on have no
 * shape of their own in world-atlas (it draws them as part of another country, or not at all).
 */
export const PLACES: Readonly<Record<string, readonly [number, number]>> = {
  CA: [-98, 53],
  RU: [49, 57],
  NO: [9.6, 61.2],
  SE: [15.6, 60.6],
  FI: [25.8, 62.6],
  US: [-97.5, 39],
  AU: [134, -25.5],
  GL: [-42, 70],
  CL: [-71, -34],
  VN: [108, 14],
  HR: [16.2, 45.4],
  JP: [138.3, 36.3],
  NZ: [173.5, -41],
  GB: [-1.6, 53],
  MY: [102.2, 4],
  ID: [109, -6.9],
  EC: [-78.6, -1.4],
  AQ: [0, -75],
  GF: [-53.1, 3.9],
  GP: [-61.55, 16.25],
  MQ: [-61, 14.65],
  RE: [55.5, -21.1],
  YT: [45.15, -12.8],
  BQ: [-68.27, 12.18],
  SJ: [16, 78.5],
  BV: [3.4, -54.4],
  CC: [96.87, -12.15],
  CX: [105.65, -10.5],
  GI: [-5.35, 36.14],
  TK: [-171.85, -9.2],
  TV: [179.2, -8.5],
  UM: [-176.5, 0.8],
}
