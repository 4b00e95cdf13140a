//! Reading the key-values of a `log::Record`.

use log::kv;

/// Keys and values of a `log::Record` as text, with the type that a visitor is shown.
pub fn visited(record: &log::Record<'_>) -> Vec<(String, String)> {
    struct Pairs(Vec<(String, String)>);
    struct Typed(String);

    impl<'v> kv::VisitValue<'v> for Typed {
        fn visit_any(&mut self, value: kv::Value<'_>) -> Result<(), kv::Error> {
            self.0 = format!("any {value}");
            Ok(())
        }
        fn visit_null(&mut self) -> Result<(), kv::Error> {
            self.0 = "null".into();
            Ok(())
        }
        fn visit_u64(&mut self, value: u64) -> Result<(), kv::Error> {
            self.0 = format!("u64 {value}");
            Ok(())
        }
        fn visit_i64(&mut self, value: i64) -> Result<(), kv::Error> {
            self.0 = format!("i64 {value}");
            Ok(())
        }
        fn visit_f64(&mut self, value: f64) -> Result<(), kv::Error> {
            self.0 = format!("f64 {value}");
            Ok(())
        }
        fn visit_bool(&mut self, value: bool) -> Result<(), kv::Error> {
            self.0 = format!("bool {value}");
            Ok(())
        }
        fn visit_str(&mut self, value: &str) -> Result<(), kv::Error> {
            self.0 = format!("str {value}");
            Ok(())
        }
        fn visit_error(
            &mut self,
            error: &(dyn std::error::Error + 'static),
        ) -> Result<(), kv::Error> {
            self.0 = format!("error {error}");
            let mut next = error.source();
            while let Some(source) = next {
                self.0 += &format!(" <- {source}");
                next = source.source();
            }
            Ok(())
        }
        fn visit_borrowed_error(
            &mut self,
            error: &'v (dyn std::error::Error + 'static),
        ) -> Result<(), kv::Error> {
            self.visit_error(error)
        }
    }

    impl<'kvs> kv::VisitSource<'kvs> for Pairs {
        fn visit_pair(
            &mut self,
            key: kv::Key<'kvs>,
            value: kv::Value<'kvs>,
        ) -> Result<(), kv::Error> {
            let mut typed = Typed(String::new());
            value.visit(&mut typed)?;
            self.0.push((key.to_string(), typed.0));
            Ok(())
        }
    }

    let mut pairs = Pairs(Vec::new());
    record.key_values().visit(&mut pairs).unwrap();
    pairs.0
}
