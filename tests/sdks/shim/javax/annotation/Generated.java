package javax.annotation;

/** As in the package javax.annotation-api, which the JDK has no more and Debian no jar of. */
public @interface Generated {
  String value();

  String comments() default "";
}
