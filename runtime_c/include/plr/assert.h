/* Asserts what the loader has made sure of. Nothing, unless the build gives its own: -DPLR_ASSERT=assert -include
 * assert.h */
#ifndef PLR_ASSERT_H
#define PLR_ASSERT_H

#ifndef PLR_ASSERT
#define PLR_ASSERT(condition) ((void)0)
#endif

#endif
