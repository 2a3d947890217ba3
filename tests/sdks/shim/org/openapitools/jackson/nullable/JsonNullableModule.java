package org.openapitools.jackson.nullable;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.BeanDescription;
import com.fasterxml.jackson.databind.BeanProperty;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.JsonDeserializer;
import com.fasterxml.jackson.databind.JsonSerializer;
import com.fasterxml.jackson.databind.SerializationConfig;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.deser.ContextualDeserializer;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.ser.BeanPropertyWriter;
import com.fasterxml.jackson.databind.ser.BeanSerializerModifier;
import java.io.IOException;
import java.util.List;

/** Writes what is absent not at all, and null as null. */
public class JsonNullableModule extends SimpleModule {
  @Override
  public void setupModule(SetupContext context) {
    addSerializer(JsonNullable.class, new Writing());
    addDeserializer(JsonNullable.class, new Reading(null));
    super.setupModule(context);
    context.addBeanSerializerModifier(
        new BeanSerializerModifier() {
          @Override
          public List<BeanPropertyWriter> changeProperties(
              SerializationConfig config, BeanDescription bean, List<BeanPropertyWriter> writers) {
            writers.replaceAll(each -> each.getType().hasRawClass(JsonNullable.class) ? new IfPresent(each) : each);
            return writers;
          }
        });
  }

  private static final class IfPresent extends BeanPropertyWriter {
    IfPresent(BeanPropertyWriter writer) {
      super(writer);
    }

    @Override
    public void serializeAsField(Object bean, JsonGenerator out, SerializerProvider provider) throws Exception {
      if (get(bean) instanceof JsonNullable<?> value && value.isPresent()) super.serializeAsField(bean, out, provider);
    }
  }

  @SuppressWarnings("rawtypes")
  private static final class Writing extends JsonSerializer<JsonNullable> {
    @Override
    public void serialize(JsonNullable value, JsonGenerator out, SerializerProvider provider) throws IOException {
      provider.defaultSerializeValue(value.orElse(null), out);
    }
  }

  @SuppressWarnings("rawtypes")
  private static final class Reading extends JsonDeserializer<JsonNullable> implements ContextualDeserializer {
    private final JavaType content;

    Reading(JavaType content) {
      this.content = content;
    }

    @Override
    public JsonDeserializer<?> createContextual(DeserializationContext context, BeanProperty property) {
      JavaType type = property == null ? context.getContextualType() : property.getType();
      return new Reading(type.containedTypeOrUnknown(0));
    }

    @Override
    public JsonNullable<?> deserialize(JsonParser in, DeserializationContext context) throws IOException {
      return JsonNullable.of(context.readValue(in, content));
    }

    @Override
    public JsonNullable<?> getNullValue(DeserializationContext context) {
      return JsonNullable.of(null);
    }
  }
}
