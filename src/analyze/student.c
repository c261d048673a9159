/* student: see student.h. */
#include "analyze/student.h"

#include <float.h>
#include <math.h>

#define STEPS_MAX 100000 /* it takes about the root of the larger parameter */

static double away_from_zero(double value) {
    return fabs(value) < DBL_MIN ? DBL_MIN : value;
}

/* One step of Lentz's method: the fraction so far times what the next coefficient changes, which is returned. */
static double advance(double coefficient, double *numerator, double *denominator) {
    *denominator = 1 / away_from_zero(1 + coefficient * *denominator);
    *numerator = away_from_zero(1 + coefficient / *numerator);
    return *numerator * *denominator;
}

/* The continued fraction of I_x(a, b), which converges fast for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x) {
    double numerator = 1;
    double denominator = 1 / away_from_zero(1 - (a + b) * x / (a + 1));
    double fraction = denominator;
    for (int m = 1; m < STEPS_MAX; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        fraction *= advance(even, &numerator, &denominator);
        double change = advance(odd, &numerator, &denominator);
        fraction *= change;
        if (fabs(change - 1) <= DBL_EPSILON) {
            break;
        }
    }
    return fraction;
}

double tg_student_two_sided(double t, double degrees_of_freedom) {
    double odds = t * t / degrees_of_freedom; /* (1 - x) / x, which loses nothing where x is nearly 1 */
    if (!(degrees_of_freedom > 0) || isnan(odds)) {
        return 1;
    }
    if (isinf(odds)) {
        return 0;
    }
    double a = degrees_of_freedom / 2;
    double b = 0.5;
    double x = 1 / (1 + odds);
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) - a * log1p(odds) + b * log(odds / (1 + odds)));
    double tail = x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a
                                            : 1 - front * beta_fraction(b, a, odds / (1 + odds)) / b;
    return fmin(fmax(tail, 0), 1);
}
