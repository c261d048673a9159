/*
 * student: how likely chance alone moves an estimate that far: Student's t distribution.
 *
 * Pure; no state. Threads: any.
 */
#ifndef TG_STUDENT_H
#define TG_STUDENT_H

/* The probability that |t| is at least this with so many degrees of freedom, from 0 to 1. P = I_x(df / 2, 1 / 2) with
 * x = df / (df + t^2), the regularized incomplete beta function (Abramowitz & Stegun 26.7.1) by its continued fraction
 * (DLMF 8.17.22). 1 where df is not above 0 or t is not a number. */
double tg_student_two_sided(double t, double degrees_of_freedom);

#endif
