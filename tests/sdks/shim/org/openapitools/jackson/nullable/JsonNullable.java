package org.openapitools.jackson.nullable;

import java.util.NoSuchElementException;

/** A field that may be absent, null or a value: of a merge patch. */
public final class JsonNullable<T> {
  private static final JsonNullable<?> UNDEFINED = new JsonNullable<>(null, false);

  private final T value;
  private final boolean present;

  private JsonNullable(T value, boolean present) {
    this.value = value;
    this.present = present;
  }

  @SuppressWarnings("unchecked")
  public static <T> JsonNullable<T> undefined() {
    return (JsonNullable<T>) UNDEFINED;
  }

  public static <T> JsonNullable<T> of(T value) {
    return new JsonNullable<>(value, true);
  }

  public boolean isPresent() {
    return present;
  }

  public T get() {
    if (!present) throw new NoSuchElementException("it is absent");
    return value;
  }

  public T orElse(T other) {
    return present ? value : other;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof JsonNullable<?> one
        && present == one.present
        && java.util.Objects.equals(value, one.value);
  }

  @Override
  public int hashCode() {
    return java.util.Objects.hash(value, present);
  }
}
